#!/usr/bin/env bash
# Builds the image without a container engine's daemon and without a registry, and runs it as Kubernetes would:
# as its own user, the tree read-only, no privileges and no network.
#
#   cronjob/check-image.sh [FOLDER]
#
# FOLDER keeps the report of the scenario shop. It needs root, debootstrap and buildah, and ways to a Debian mirror and
# to a package index. The base is no published image but a stand-in of the same Debian and Python, whose Python
# debootstrap installs; everything above the base is what cronjob/Dockerfile says. BASE_ROOT names a folder that holds
# (or, where it does not exist, is to hold) the stand-in, so that a second run need not make it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'image %s\n' "$1" >&2
    exit 1
}

suite=$(sed -n 's/^ARG BASE=.*-slim-\([a-z]*\)$/\1/p' cronjob/Dockerfile)
version=$(sed -n 's/^ARG BASE=.*python:\([0-9.]*\)-slim-.*$/\1/p' cronjob/Dockerfile)
[[ $(id -u) == 0 ]] || fail "can be checked by root only: it changes its root folder"
for tool in buildah debootstrap setpriv unshare; do
    command -v "$tool" >/dev/null ||
        fail "cannot be checked without $tool: apt-get install buildah debootstrap util-linux"
done

folder=$(mktemp -d)
export BUILDAH_ISOLATION=chroot
images() { buildah --root "$folder/images" --runroot "$folder/run" "$@"; }
clean() {
    images umount --all >/dev/null 2>&1 || true
    images rm --all >/dev/null 2>&1 || true
    rm -rf --one-file-system "$folder"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
megabytes() { du -sxm "$@" | tail -n 1 | cut -f 1; }

base=${BASE_ROOT:-$folder/base}
if [[ ! -d $base ]]; then
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip "$suite" "$base" >"$folder/debootstrap.log" ||
        { tail "$folder/debootstrap.log" >&2 && fail "has no base: debootstrap failed"; }
    rm -rf "$base"/var/lib/apt/lists/* "$base"/var/cache/apt/*
    # Whatever this machine trusts, a package index of its own say, the stand-in trusts.
    cp /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/ca-certificates.crt"
fi
found=$(chroot "$base" python3 -c 'import sys; print(*sys.version_info[:2], sep=".")')
[[ $found == "$version" ]] || fail "has Python $version, but $suite has $found"
container=$(images from scratch)
tree=$(images mount "$container")
cp -a "$base/." "$tree/"
images commit --quiet --rm "$container" localhost/base >/dev/null

started=$SECONDS
images build --pull-never --file cronjob/Dockerfile --build-arg BASE=localhost/base --build-arg VERSION=checked \
    --tag localhost/netpol-auditor . >"$folder/build.log" 2>&1 ||
    { tail -n 30 "$folder/build.log" >&2 && fail "cannot be built"; }
echo "built in $((SECONDS - started)) s"

# What the image says of itself; what it says of its environment is printed, a variable a line.
mapfile -t environment < <(images inspect --type image localhost/netpol-auditor | python3 -c '
import json, sys
config = json.load(sys.stdin)["OCIv1"]["config"]
assert config["User"] == "65532:65532", config["User"]
assert config["Entrypoint"] == ["netpol-auditor"], config["Entrypoint"]
assert config["WorkingDir"] == "/work", config["WorkingDir"]
assert config["Labels"]["org.opencontainers.image.version"] == "checked", config["Labels"]
assert "Healthcheck" not in config, "a job needs no health check"
print(*config["Env"], sep="\n")
')
[[ " ${environment[*]} " == *" HOME=/tmp "* ]] || fail "is not described as it should be"

container=$(images from --pull-never localhost/netpol-auditor)
tree=$(images mount "$container")
compilers=$(find "$tree" -xdev \( -type f -o -type l \) \
    \( -name cc -o -name 'c++' -o -name '*gcc' -o -name '*gcc-[0-9]*' -o -name '*g++*' -o -name 'clang*' -o -name ld -o -name as \
    -o -name make \) -perm /111 -path '*bin/*')
[[ -z $compilers ]] || fail "holds a compiler: $compilers"
privileged=$(find "$tree" -xdev -type f -perm /6000)
[[ -z $privileged ]] || fail "holds programs that change who runs them: $privileged"
writable=$(find "$tree" -xdev \( -type f -o -type d \) \( -uid 65532 -o -gid 65532 -o -perm -o+w -not -perm -1000 \))
[[ -z $writable ]] || fail "lets its user write to $writable"

list_files() { find "$tree" -xdev -printf '%P %y %m %U %s %T@ %C@\n' | sort; }

# run OUT COMMAND…: as a container would, the working folder's `out` being OUT.
# shellcheck disable=SC2016 # the inner shell expands its own parameters
run() {
    local out=$1
    shift
    unshare --mount --net --pid --ipc --uts --fork -- bash -euc '
        tree=$1 out=$2 clusters=$3
        shift 3
        mount --bind "$tree" "$tree"
        mount -t tmpfs -o mode=0755 tmpfs "$tree/work"
        mkdir "$tree/work/out" "$tree/work/clusters"
        mount --bind "$out" "$tree/work/out"
        mount --bind "$clusters" "$tree/work/clusters"
        mount -o remount,bind,ro "$tree/work/clusters"
        mount -o remount,ro "$tree/work"
        mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$tree/tmp"
        mount -t proc proc "$tree/proc"
        mount --rbind /dev "$tree/dev"
        mount -o remount,bind,ro "$tree"
        exec chroot "$tree" "$@"
    ' run "$tree" "$out" "$PWD/tests/clusters" \
        setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
        env --ignore-environment --chdir=/work "${environment[@]}" "$@" </dev/null
}

shop=${1:-$folder/shop}
mkdir -p "$shop" "$folder/names"
chown 65532:65532 "$shop" "$folder/names"
list_files >"$folder/before"

[[ $(run "$folder/names" netpol-auditor --version) == *"$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' auditor/__init__.py)"* ]] ||
    fail "does not state the version of the source"
started=$SECONDS
run "$shop" netpol-auditor audit -f clusters/shop/main -o out 2>"$folder/messages" >"$folder/summary" ||
    { cat "$folder/messages" >&2 && fail "cannot audit"; }
echo "audited in $((SECONDS - started)) s"
[[ ! -s $folder/messages ]] || { cat "$folder/messages" >&2 && fail "complains"; }
[[ $(head -c 5 "$shop/report.pdf") == %PDF- ]] || fail "writes no PDF"
grep -q '</html>' "$shop/report.html" || fail "writes no HTML"
python3 - "$shop/report.json" <<'PYTHON' || fail "writes another report.json"
import json, sys
report = json.load(open(sys.argv[1]))
assert report["schema"] == "netpol-auditor/report/v1" and report["findings"], report["schema"]
PYTHON
# Names that no cluster accepts and that the font has no letters for are gaps in a report like any other. Nothing is left
# in /tmp: were the baked-in cache of fonts not valid, fontconfig would write one there.
cat >"$folder/names/names.yaml" <<'YAML'
{apiVersion: v1, kind: Namespace, metadata: {name: "支付-production"}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: "עברית-\u202Eداخل"}}
YAML
left=$(run "$folder/names" sh -euc 'netpol-auditor audit -q -f out/names.yaml -o out && find /tmp -mindepth 1' 2>"$folder/messages") ||
    { cat "$folder/messages" >&2 && fail "cannot audit names of other scripts"; }
[[ -z $left ]] || fail "writes to /tmp: $left"
[[ $(head -c 5 "$folder/names/report.pdf") == %PDF- ]] || fail "writes no PDF with names of other scripts"
for path in /opt/netpol-auditor/file /work/file /etc/file; do
    ! run "$folder/names" sh -c "echo >$path" 2>/dev/null || fail "can be written to: $path"
done
# What ran left nothing behind.
list_files >"$folder/after"
diff "$folder/before" "$folder/after" >&2 || fail "was written to"

echo "size: $(megabytes "$tree") MB, $(megabytes "$tree/opt") MB of it in /opt; the stand-in: $(megabytes "$base") MB"
echo "image holds what it should"
