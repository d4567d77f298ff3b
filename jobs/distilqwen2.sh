#!/usr/bin/env bash
# DistilQwen2-1.5B-Instruct on real weights, from collected instructions to a measured student:
#
#   RUN=/data/runs/distilqwen2-1.5b GPU_HOUR=2.50 jobs/distilqwen2.sh [key=value ...]
#
# On one box with 8 GPUs of 80 GB, with the weights and the benchmarks' data sets at hand or a model hub within reach, and the
# collections below data/ as the recipe's `sources` say. Give the same command again after anything stopped it: what is
# done is not done twice. The post publishes, before -> after: AlpacaEval 2.0 (length-controlled) 5.22 -> 8.28, MT-Bench
# 5.85 -> 6.42, IFEval (loose) 41.37 -> 49.76, (strict) 28.10 -> 36.04; the report puts both students side by side.
#
#   PILOT      rows that are run first to predict time, tokens and GPU hours of the whole (400; 0: no prediction)
#   GPU_HOUR   what an hour of one GPU costs you; with it the prediction says the cost
#   RUN        where everything goes, any filesystem that pyarrow knows (runs/distilqwen2-1.5b)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
recipe=jobs/recipes/distilqwen2.yaml
run=${RUN:-runs/distilqwen2-1.5b}
pilot=${PILOT:-400}
distilray=${DISTILRAY:-.venv/bin/distilray}

"$distilray" plan "$recipe" "$@"                       # phases, placement, what is missing: before anything is paid
if [ "$pilot" -gt 0 ]; then
  "$distilray" plan "$recipe" "$@" --pilot "$pilot" ${GPU_HOUR:+--gpu-hour "$GPU_HOUR"}
fi
"$distilray" run "$recipe" "$@" --run "$run"
"$distilray" report "$run"
