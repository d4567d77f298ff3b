#!/usr/bin/env bash
# Makes .venv with everything distilray needs. Safe to interrupt and to repeat; instant when nothing changed.
#
#   scripts/setup.sh            the whole environment (`make setup`)
#   scripts/setup.sh --torch    only the environment and its torch wheel
#
# EXTRA=cpu|gpu     which vLLM; by default gpu where nvidia-smi lists a GPU
# PYTHON=python3.12 which Python
# VENV=.venv        where
# DEV=no            leaves out what only tests and lint need, as the images in cluster/docker do
# TORCH_INDEX=URL   where the CPU build of torch comes from when it is not at hand
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV="${VENV:-.venv}"
TORCH_INDEX="${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"
ONLY_TORCH="${1:-}"
STARTED=$SECONDS
LOG="" CHILD=""

say() { printf 'setup  %s\n' "$*"; }
fail() {
    printf '\nsetup failed: %s\n' "$1" >&2
    shift
    printf '  %s\n' "$@" >&2
    exit 1
}
interrupted() {
    if [ -n "$CHILD" ]; then kill "$CHILD" 2>/dev/null || true; fi
    printf '\nsetup  interrupted; the same command goes on\n' >&2
    exit 130
}
trap interrupted INT TERM

# Runs a command with its output in the log; every 20 seconds says how far it has come. While it runs, its process
# is noted in .installing: a note that stays behind means a half-unpacked package, which uv would take for a whole one.
quietly() {
    "$@" >>"$LOG" 2>&1 &
    CHILD=$!
    echo "$CHILD" >"$VENV/.installing"
    local waited=0 status=0
    while kill -0 "$CHILD" 2>/dev/null; do
        sleep 0.2
        waited=$((waited + 1))
        if [ $((waited % 100)) = 0 ]; then say "  $((waited / 5)) s: $(tail -n 1 "$LOG" | cut -c 1-90)"; fi
    done
    wait "$CHILD" || status=$?
    CHILD=""
    if [ "$status" -le 1 ]; then rm "$VENV/.installing"; fi # 1: nothing fits, so nothing was unpacked
    return "$status"
}
install() { quietly "$UV" pip install --no-progress --python "$VENV/bin/python" "$@"; }

# uv does not read pip's settings: hand on what this machine's pip has been told, in variables or in its files.
pip_setting() { # pip_setting find-links: the values, separated by spaces
    local section value name
    name="PIP_$(tr 'a-z-' 'A-Z_' <<<"$1")"
    if [ -n "${!name:-}" ]; then echo ${!name} && return; fi # unquoted, for single spaces
    for section in install global; do
        value="$(sed -n "s/^$section\.$1='\(.*\)'\$/\1/p" <<<"$PIP_CONFIG" | sed 's/\\n/ /g; s/^ *//; s/  */ /g')"
        if [ -n "$value" ]; then echo "$value" && return; fi
    done
}
hand_on_pip_settings() {
    local PIP_CONFIG links index cert
    # `config list` and not `config get`, which overlooks the file named by PIP_CONFIG_FILE.
    PIP_CONFIG="$("$PYTHON" -m pip config list 2>/dev/null || pip config list 2>/dev/null || true)"
    links="$(pip_setting find-links)"
    index="$(pip_setting index-url)"
    cert="$(pip_setting cert)"
    EXTRA_INDEXES="$(pip_setting extra-index-url)"
    if [ -n "$links" ]; then export UV_FIND_LINKS="${UV_FIND_LINKS:-${links// /,}}"; fi
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
    if [ -n "$cert" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"; fi
}

python_fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}
find_python() {
    local name
    for name in ${PYTHON:-python3 python3.12 python3.11 python3.13 python}; do
        if python_fits "$name"; then
            # From an activated environment too: the interpreter below it, which outlives a new .venv.
            PYTHON="$("$name" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 ${PYTHON:+(PYTHON=$PYTHON does not fit)}" \
        "Install one (apt install python3.12 python3.12-venv, or: uv python install 3.12)" \
        "and name it: make setup PYTHON=python3.12"
}

find_extra() {
    if [ -z "${EXTRA:-}" ]; then
        if nvidia-smi -L 2>/dev/null | grep -q GPU; then EXTRA=gpu; else EXTRA=cpu; fi
    fi
    case "$EXTRA" in cpu | gpu) ;; *) fail "EXTRA=$EXTRA is neither cpu nor gpu" "Say EXTRA=cpu or EXTRA=gpu." ;; esac
}

check_disk() {
    local need_gb=8 free_gb
    if [ "$EXTRA" = gpu ]; then need_gb=25; fi
    free_gb=$(($(df -Pk . | awk 'NR == 2 {print $4}') / 1048576))
    if [ "$free_gb" -lt "$need_gb" ]; then
        fail "$free_gb GB free here, the $EXTRA packages need about $need_gb GB" "Free some space, or set VENV to a larger disk."
    fi
}

another_at_work() {
    local pid
    pid="$(cat "$VENV/.installing" 2>/dev/null)" && ps -p "$pid" -o args= 2>/dev/null | grep -q "pip install"
}
wait_for_another() {
    if another_at_work; then say "another set-up is at work in $VENV; waiting for it"; fi
    while another_at_work; do sleep 1; done
}

make_venv() {
    if [ -e "$VENV/.installing" ]; then
        say "the last set-up was cut off; starting $VENV afresh (downloads are kept)"
    elif python_fits "$VENV/bin/python" && [ "$(cat "$VENV/.extra" 2>/dev/null)" = "$EXTRA" ]; then
        return
    fi
    check_disk
    say "environment $VENV for $("$PYTHON" -V) and $EXTRA"
    if uv --version >/dev/null 2>&1; then
        uv venv --quiet --clear --python "$PYTHON" "$VENV" ||
            fail "uv could not make $VENV" "Its message is above."
    else
        "$PYTHON" -m venv --clear "$VENV" ||
            fail "$PYTHON cannot make environments" "Install its venv module (apt install python3-venv), or uv (https://docs.astral.sh/uv)."
    fi
    echo "$EXTRA" >"$VENV/.extra"
}
find_uv() {
    LOG="$VENV/setup.log"
    : >"$LOG"
    UV=uv
    if uv --version >/dev/null 2>&1; then return; fi
    UV="$VENV/bin/uv"
    if "$UV" --version >/dev/null 2>&1; then return; fi
    say "uv, to install the rest quickly"
    "$VENV/bin/python" -m ensurepip --default-pip >/dev/null 2>&1 || true
    quietly "$VENV/bin/python" -m pip install uv ||
        fail "pip could not install uv" "See $LOG; behind a proxy set HTTPS_PROXY, with a mirror set PIP_INDEX_URL."
}

# The CPU build of torch is not on PyPI. What is at hand (installed, --find-links, the configured index) comes
# first, because uv stops at an extra index that it cannot reach; then PyTorch's own index, for torch alone.
install_torch() {
    local version
    version="$(sed -n 's/^ *"torch==\([^"]*\)",.*/\1/p' pyproject.toml)"
    if [ "$EXTRA" = gpu ]; then
        CONSTRAINT="torch!=$version+cpu"
        return
    fi
    CONSTRAINT="torch==$version"
    if [ "$(uname -s)" = Linux ]; then CONSTRAINT="torch==$version+cpu"; fi
    say "torch $version for CPU"
    install --no-deps "$CONSTRAINT" && return
    say "  not at hand; from $TORCH_INDEX"
    install --no-deps --default-index "$TORCH_INDEX" "$CONSTRAINT" && return
    fail "no $CONSTRAINT wheel for $("$VENV/bin/python" -V) on $(uname -sm)" \
        "Either this machine cannot reach $TORCH_INDEX: name a mirror of it with TORCH_INDEX=URL," \
        "or put the wheel into a folder and run: PIP_FIND_LINKS=folder make setup." \
        "Details: $LOG"
}

install_rest() {
    local also=(--constraints "$VENV/constraints.txt")
    echo "$CONSTRAINT" >"$VENV/constraints.txt"
    # xgrammar wants triton, a gigabyte of GPU compiler that vLLM switches off where there is no GPU.
    if [ "$EXTRA" = cpu ]; then
        echo "triton; sys_platform == 'never'" >"$VENV/overrides.txt"
        also+=(--overrides "$VENV/overrides.txt")
    fi
    say "ray, vllm, trl and the others for $EXTRA (one to four minutes the first time)"
    install "${also[@]}" --editable ".[$EXTRAS]" && return
    if [ -n "$EXTRA_INDEXES" ]; then
        say "  once more with pip's extra indexes"
        UV_INDEX="$EXTRA_INDEXES" install "${also[@]}" --index-strategy unsafe-best-match --editable ".[$EXTRAS]" && return
    fi
    tail -n 15 "$LOG" >&2
    fail "the packages could not be installed" \
        "Above are uv's last words; all of them are in $LOG." \
        "Behind a proxy set HTTPS_PROXY; with a mirror set PIP_INDEX_URL. Then run the same command again."
}

check_torch() {
    local cuda
    cuda="$("$VENV/bin/python" -c 'import torch; print(torch.version.cuda or "cpu")')" ||
        fail "torch does not import" "Remove $VENV and run make setup again."
    if [ "$EXTRA" = gpu ] && [ "$cuda" = cpu ]; then
        fail "a CPU build of torch was installed for EXTRA=gpu" "Check PIP_FIND_LINKS and the index, remove $VENV, run make setup again."
    fi
}

# A run starts dozens of processes that import these packages. Where PYTHONDONTWRITEBYTECODE is set, as in many images,
# each of them would compile them anew: twice the seconds, and more than Ray's daemons are given to come up.
export UV_COMPILE_BYTECODE=1
export DS_BUILD_OPS=0 # DeepSpeed compiles its kernels when they are first used, not here
find_extra
wait_for_another
EXTRAS="$EXTRA"
if [ "${DEV:-yes}" != no ]; then EXTRAS="$EXTRA,dev"; fi
STAMP="$EXTRAS $(cat pyproject.toml scripts/setup.sh | cksum)"
if [ "$(cat "$VENV/.setup-done" 2>/dev/null)" = "$STAMP" ] && [ ! -e "$VENV/.installing" ] &&
    python_fits "$VENV/bin/python"; then exit 0; fi

find_python
hand_on_pip_settings
make_venv
find_uv
install_torch
if [ "$ONLY_TORCH" = --torch ]; then exit 0; fi
install_rest
check_torch
if ! command -v c++ >/dev/null && ! command -v g++ >/dev/null; then
    say "note: no C++ compiler. The quickstart runs without; DeepSpeed and torch.compile need one (apt install g++)."
fi
echo "$STAMP" >"$VENV/.setup-done"
say "done in $((SECONDS - STARTED)) s: $VENV/bin/distilray"
