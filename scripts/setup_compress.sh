#!/usr/bin/env bash
# Makes .venv-compress beside .venv, with llm-compressor and what it pins (other versions than training and vLLM do).
# Instant when nothing changed. Takes EXTRA and VENV as scripts/setup.sh does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV="${VENV:-.venv}"
LIBRARY="llmcompressor==0.14.0.1"
TARGET="$VENV-compress"

if [ "$(cat "$TARGET/.setup-done" 2>/dev/null)" = "$LIBRARY" ]; then exit 0; fi
EXTRA="$(cat "$VENV/.extra")" PYTHON="$("$VENV/bin/python" -c 'import sys; print(sys._base_executable)')" \
    VENV="$TARGET" scripts/setup.sh --torch
# What pip has been told in variables, for uv (setup.sh reads pip's files too).
if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"; fi
if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi
if [ -n "${PIP_FIND_LINKS:-}" ]; then export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS// /,}}"; fi
UV=uv
if ! uv --version >/dev/null 2>&1; then UV="$VENV/bin/uv"; fi
printf 'setup  %s into %s\n' "$LIBRARY" "$TARGET"
# A text-only student needs neither; their builds do not always fit the torch at hand.
printf '%s\n' "torchvision; sys_platform == 'never'" >"$TARGET/overrides.txt"
if [ "$(cat "$VENV/.extra")" = cpu ]; then echo "triton; sys_platform == 'never'" >>"$TARGET/overrides.txt"; fi
torch="torch==$("$TARGET/bin/python" -c 'from importlib.metadata import version; print(version("torch"))')"
if ! "$UV" pip install --quiet --python "$TARGET/bin/python" --overrides "$TARGET/overrides.txt" "$torch" "$LIBRARY"; then
    printf '\nsetup failed: %s could not be installed; uv says why above\n' "$LIBRARY" >&2
    exit 1
fi
echo "$LIBRARY" >"$TARGET/.setup-done"
printf 'setup  done: distilray export RUN --compress int8\n'
