#!/bin/sh
# Prints the path of helm, building it there first where it is missing.
#
#   build.sh           build what is missing, then print the path
#   build.sh --where   print the path, and build nothing
#
# HELM, where set, is that path and nothing is built. Otherwise it lies beside the control plane's programs
# (../build.sh), in a folder of its own: a new helm builds no new control plane.
set -eu

source_folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() {
    printf 'helm %s\n' "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 1
}

checksum() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

case "${1-}" in
'' | --where) ;;
*) fail "cannot be built with the argument $1" "call build.sh with --where or without arguments" ;;
esac

if [ -n "${HELM-}" ]; then
    if [ "${1-}" != --where ] && ! [ -x "$HELM" ]; then
        fail "is missing at HELM ($HELM)" "name a helm there, or unset HELM to build it"
    fi
    printf '%s\n' "$HELM"
    exit 0
fi

cache=${NETPOL_AUDITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/netpol-auditor}/helm
# This file counts too: its flags end up in the binary.
hash=$(cd "$source_folder" && cat go.mod go.sum build.sh | checksum | cut -c 1-16)
helm=$cache/$hash/helm

if [ "${1-}" = --where ] || [ -x "$helm" ]; then
    printf '%s\n' "$helm"
    exit 0
fi

command -v go >/dev/null || fail "cannot be built without go" \
    "install Go 1.26 or newer, or set HELM to the path of a helm 3"

printf 'building helm into %s: a minute the first time\n' "${helm%/*}" >&2
mkdir -p "$cache"
temporary=$(mktemp -d "$cache/.build.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$source_folder"
# Helm stamps versions while linking: its own, and that of the Kubernetes that a chart is rendered for offline.
version=$(go list -m -f '{{.Version}}' helm.sh/helm/v3)
client=$(go list -m -f '{{.Version}}' k8s.io/client-go)
minor=${client#v0.}
minor=${minor%%.*}
helm3=helm.sh/helm/v3
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$temporary/" -ldflags "-s -w \
    -X $helm3/internal/version.version=$version \
    -X $helm3/pkg/lint/rules.k8sVersionMajor=1 -X $helm3/pkg/lint/rules.k8sVersionMinor=$minor \
    -X $helm3/pkg/chartutil.k8sVersionMajor=1 -X $helm3/pkg/chartutil.k8sVersionMinor=$minor" tool
chmod 755 "$temporary"

# The rename publishes it at once; a folder without it of the same name is somebody's accident.
if ! [ -x "$helm" ]; then
    rm -rf "${cache:?}/$hash"
    mv "$temporary" "$cache/$hash"
fi
printf '%s\n' "$helm"
