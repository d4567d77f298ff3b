#!/usr/bin/env bash
# DistilQwen2.5-DS3-7B on real weights, from traces to a measured student:
#
#   RUN=s3://bucket/runs/ds3-7b GPU_HOUR=2.50 jobs/distilqwen2_5_ds3.sh [key=value ...]
#
# On the head of a Ray cluster with 16 GPUs for the teacher's phase (RAY_ADDRESS=auto), with the weights at hand or
# HF_TOKEN set, and the traces and problems below data/ as the recipe's `sources` say. Give the same command again after
# anything stopped it: what is done is not done twice.
#
#   PILOT      rows that are run first to predict time, tokens and GPU hours of the whole (200; 0: no prediction)
#   GPU_HOUR   what an hour of one GPU costs you; with it the prediction says the cost
#   RUN        where everything goes, any filesystem that pyarrow knows (runs/distilqwen2.5-ds3-7b)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
recipe=jobs/recipes/distilqwen2_5_ds3.yaml
run=${RUN:-runs/distilqwen2.5-ds3-7b}
pilot=${PILOT:-200}
distilray=${DISTILRAY:-.venv/bin/distilray}

"$distilray" plan "$recipe" "$@"                       # phases, placement, what is missing: before anything is paid
if [ "$pilot" -gt 0 ]; then
  "$distilray" plan "$recipe" "$@" --pilot "$pilot" ${GPU_HOUR:+--gpu-hour "$GPU_HOUR"}
fi
"$distilray" run "$recipe" "$@" --run "$run"
"$distilray" report "$run"
