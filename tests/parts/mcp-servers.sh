#!/usr/bin/env bash
# Real MCP servers and a real MCP client for Ringfence's tests.
# The last line printed is the folder that holds their `node_modules`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/part.sh"

# Give the folder a new number whenever the recipe below changes.
begin mcp-servers-2026.8.31-1 "$@"
npm_install \
    @modelcontextprotocol/server-everything@2026.8.31 \
    @modelcontextprotocol/server-filesystem@2026.8.31 \
    @modelcontextprotocol/inspector@2.12.0
keep
