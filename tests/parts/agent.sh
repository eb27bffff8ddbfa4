#!/usr/bin/env bash
# Runs an agent on a real, small language model on this machine: gets the model server once (see README.md beside this), starts it,
# and shows the turn that the agent took and what the log says of it.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
model=$("$here/tests/parts/model-server.sh" | tail -n 1)
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$model/llama-server" -m "$model/model.gguf" --host 127.0.0.1 --port "$port" \
    -c 4096 -np 1 -t 2 --jinja --no-webui --alias smollm2 >"$work/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 600); do
    curl -sf "http://127.0.0.1:$port/health" >"$work/health" && break
    kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done

cat >"$work/ringfence.toml" <<EOF
[limits]
timeout = "2m"
tokens = 20_000

[[provider]]
name = "here"
kind = "openai"
url = "http://127.0.0.1:$port/v1"

[[model]]
name = "small"
provider = "here"
model = "smollm2"
context-tokens = 4_096
max-output-tokens = 200
json-schema = true
bytes-per-token = 2
input-usd = 0.0
output-usd = 0.0

[[grant]]
ring = 2
models = ["small"]
EOF
cat >"$work/greeter.toml" <<EOF
name = "greeter"
version = "0.1.0"
description = "Greets whoever talks to it."
instructions = "You greet people in one short sentence."

[[intent]]
name = "greet"
description = "Greeting somebody."
EOF

cd "$here"
ringfence() { cargo run --release --quiet -- --config "$work/ringfence.toml" "$@"; }
ringfence agent load "$work/greeter.toml"
ringfence --json agent run greeter --ring 2 --message "Hello, I am Ada." >"$work/run.json" || true
python3 -m json.tool "$work/run.json"
task=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["task"])' "$work/run.json")
ringfence agent show "$task"
ringfence audit verify
