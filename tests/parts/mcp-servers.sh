#!/usr/bin/env bash
# Real MCP servers and a real MCP client for Ringfence's tests.
# The last line printed is the folder that holds their `node_modules`.
# It is fetched once, into a cache folder outside the tree, and only when missing.
set -euo pipefail

# Give the folder a new number whenever the recipe below changes.
version=2026.8.31-1
parts=${RINGFENCE_PARTS:-${XDG_CACHE_HOME:-$HOME/.cache}/ringfence-parts}
mkdir -p "$parts"
parts=$(cd "$parts" && pwd)
target=$parts/mcp-servers-$version

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
work=$(mktemp -d "$parts/.mcp-servers.XXXXXX")
trap 'rm -rf "$work"' EXIT

# `--before` holds back what these three lean on too, with no lockfile to keep.
# Nothing fetched runs a script of its own while it is installed.
mkdir "$work/out"
npm install --prefix "$work/out" --before=2026-11-22 --save-exact \
    --ignore-scripts --no-package-lock --no-audit --no-fund \
    @modelcontextprotocol/server-everything@2026.8.31 \
    @modelcontextprotocol/server-filesystem@2026.8.31 \
    @modelcontextprotocol/inspector@2.12.0

# Only a whole folder gets the final name.
mv -T "$work/out" "$target"
echo "$target" >&3
