#!/bin/sh
# Prints the folder that holds kube-apiserver, etcd and kubectl, building them there first where they are missing.
#
#   build.sh           build what is missing, then print the folder
#   build.sh --where   print the folder, and build nothing
#
# KUBEBUILDER_ASSETS, where set, is that folder and nothing is built. Otherwise it lies in NETPOL_AUDITOR_CACHE
# (default: netpol-auditor in XDG_CACHE_HOME or ~/.cache), named after a hash of what decides the binaries.
set -eu

source_folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() {
    printf 'control plane %s\n' "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 1
}

is_complete() {
    [ -x "$1/kube-apiserver" ] && [ -x "$1/etcd" ] && [ -x "$1/kubectl" ]
}

checksum() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

case "${1-}" in
'' | --where) ;;
*) fail "cannot be built with the argument $1" "call build.sh with --where or without arguments" ;;
esac

if [ -n "${KUBEBUILDER_ASSETS-}" ]; then
    if [ "${1-}" != --where ] && ! is_complete "$KUBEBUILDER_ASSETS"; then
        fail "is incomplete in KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS)" \
            "put kube-apiserver, etcd and kubectl there, or unset KUBEBUILDER_ASSETS to build them"
    fi
    printf '%s\n' "$KUBEBUILDER_ASSETS"
    exit 0
fi

cache=${NETPOL_AUDITOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/netpol-auditor}/control-plane
# This file counts too: its flags end up in the binaries.
hash=$(cd "$source_folder" && cat go.mod go.sum build.sh | checksum | cut -c 1-16)
folder=$cache/$hash/bin

if [ "${1-}" = --where ] || is_complete "$folder"; then
    printf '%s\n' "$folder"
    exit 0
fi

command -v go >/dev/null || fail "cannot be built without go" \
    "install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl"

printf 'building kube-apiserver, etcd and kubectl into %s: some minutes the first time\n' "$folder" >&2
mkdir -p "$cache"
temporary=$(mktemp -d "$cache/.build.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$temporary/bin"

cd "$source_folder"
# Kubernetes stamps its version while linking; without it the server answers v0.0.0-master.
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${version#v*.}
stamp=k8s.io/component-base/version
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$temporary/bin/" -ldflags "-s -w \
    -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" tool
mv "$temporary/bin/server" "$temporary/bin/etcd"
chmod 755 "$temporary"

# The rename publishes all three at once; an incomplete folder of the same name is somebody's accident.
if ! is_complete "$folder"; then
    rm -rf "${cache:?}/$hash"
    mv "$temporary" "$cache/$hash"
fi
printf '%s\n' "$folder"
