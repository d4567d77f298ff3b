#!/usr/bin/env bash
# Prepares benchmarks/gpu_check.py for a machine with one GPU and no network, and prints what to run there.
#
#   benchmarks/gpu_check.sh              training: a machine with torch, transformers, accelerate, peft and pyarrow
#   benchmarks/gpu_check.sh --engines    engines and serving too: Ray, vLLM and what they need travel as well
#
# Wheels for that machine (Python 3.12, x86-64 Linux; PYTHON_VERSION=3.13 for another) go to .wheels/ in the
# repository's root, which git ignores: in parts of at most MIB MiB (default 60), for machines that take files in calls
# of limited size. On a machine that can reach an index, `make setup EXTRA=gpu` does all of this.
set -eu
cd "$(dirname "$0")/.."
mib=${MIB:-60}
pip="${PIP:-python3 -m pip}"
wheels=.wheels
rm -rf "$wheels"
mkdir -p "$wheels/all"

fetch() { # fetch FOLDER PIP-ARGUMENTS...
  local folder=$1 platform platforms=(); shift
  for platform in manylinux_2_17 manylinux_2_24 manylinux_2_26 manylinux_2_27 manylinux_2_28 manylinux_2_31 \
    manylinux_2_34 manylinux_2_35 manylinux_2_39 manylinux1 manylinux2010 manylinux2014; do
    platforms+=(--platform "${platform}_x86_64")
  done
  $pip download -q --only-binary=:all: --python-version "${PYTHON_VERSION:-3.12}" --implementation cp \
    "${platforms[@]}" -d "$folder" "$@"
}

fetch "$wheels/all" pydantic # with what it needs: it takes one version of its core alone
fetch "$wheels/all" --no-deps $(sed '/^#/d; /^pydantic$/d' benchmarks/gpu/wheels.txt)
if [ "${1:-}" = --engines ]; then
  # VLLM: the version that asks for the torch of that machine (0.25.1 for 2.11). What torch brings is there already;
  # kernels that vLLM does not need for a Qwen2 and codecs of pictures stay behind: three quarters of all bytes.
  heavy='^(torch|nvidia|triton|numba|flashinfer|tilelang|tokenspeed|opencv|pynvvideocodec|nixl|cuda|apache.tvm|quack)'
  there='^(numpy|pandas|pyarrow|pillow|sympy|mpmath|hf.xet|virtualenv)-' # on every machine with torch and transformers
  fetch "$wheels/all" --no-deps "vllm==${VLLM:-0.29.0}"
  needed=$(unzip -p "$wheels"/all/vllm-*.whl '*/METADATA' | sed -n 's/^Requires-Dist: //p' |
    grep -v 'extra ==' | grep -Evi "$heavy|^transformers" | sed 's/;.*//; s/ //g')
  fetch "$wheels/all" "ray[default,serve,data]==2.60.0" $(grep '^transformers' benchmarks/gpu/wheels.txt) $needed
  (cd "$wheels/all" && ls | grep -Ei "$heavy|$there" | xargs -r rm)
fi

# A wheel larger than a part is cut into pieces, which the machine puts together again.
part=1; size=0; limit=$((mib * 1024 * 1024))
mkdir -p "$wheels/01"
for wheel in "$wheels"/all/*.whl; do
  if [ "$(stat -c %s "$wheel")" -gt "$limit" ]; then
    split -b "$((limit - 1024))" -d "$wheel" "$wheel."
    rm "$wheel"
  fi
done
for file in "$wheels"/all/*; do
  bytes=$(stat -c %s "$file")
  if [ $((size + bytes)) -gt "$limit" ]; then
    part=$((part + 1)); size=0
    mkdir -p "$wheels/$(printf %02d "$part")"
  fi
  mv "$file" "$wheels/$(printf %02d "$part")/"
  size=$((size + bytes))
done
rmdir "$wheels/all"

options=""
if [ "${1:-}" = --engines ]; then options=" --engines"; fi
echo "Wheels: $(du -sm "$wheels" | cut -f1) MiB in $part part(s) below $wheels/."
if [ "$part" -gt 1 ]; then
  echo
  echo "For each part but the last, bring the repository and the part, and run in the repository's root:"
  echo
  echo "  mkdir -p /tmp/wheels && cp $wheels/NN/* /tmp/wheels/"
  echo
  echo "Then, with the last part:"
else
  echo
  echo "Bring the repository and $wheels/01, and run in the repository's root:"
fi
cat <<END

  mkdir -p /tmp/wheels && cp $wheels/$(printf %02d "$part")/* /tmp/wheels/ && cd /tmp/wheels &&
  for first in *.whl.00; do [ -e "\$first" ] && cat "\${first%00}"* > "\${first%.00}" && rm "\${first%00}"*; done
  python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target /tmp/site /tmp/wheels/*.whl &&
  cd - && PYTHONPATH=/tmp/site:. python3 -m benchmarks.gpu_check$options --out "\${OUT:-results}/gpu.json"

and bring the results file back to benchmarks/results/gpu/, named after the card. It takes at most seven minutes and
prints every stage's result as soon as it is known.
END
