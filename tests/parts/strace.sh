#!/usr/bin/env bash
# strace, with which tests stop, kill or fail a host at a system call of their choosing. It is installed where that can be done.
# The last line printed is the folder that holds it.
set -euo pipefail

# Whether it is there and may trace a process of its own.
found() { strace -o /dev/null true 2>/dev/null; }

if ! found; then
    [[ ${1:-} == --find ]] && exit 1
    if ! command -v strace >/dev/null && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        { apt-get update && apt-get install -y --no-install-recommends strace; } >&2
    fi
fi
if ! command -v strace >/dev/null; then
    echo "strace is not there: install it (Debian, Ubuntu: sudo apt-get install -y strace)" >&2
    exit 1
elif ! found; then
    echo "strace may trace nothing here: allow ptrace (of a container: --cap-add=SYS_PTRACE)" >&2
    exit 1
fi
dirname "$(command -v strace)"
