#!/usr/bin/env bash
# Submits a recipe to the Ray cluster at RAY_API_SERVER_ADDRESS as a job, and follows its log. Safe to repeat: the run
# goes on where it was stopped or lost, as a new job.
#
#   jobs/submit.sh recipe.yaml s3://bucket/runs/first
#   jobs/submit.sh recipe.yaml s3://bucket/runs/first models.teacher.replicas=4     with overrides
#
# The recipe lies below this folder, which is sent to the nodes; the run directory is seen by all of them.
#
# SUBMISSION_ID=first-2   the job's name (default: the run's name, the time); no other job of the cluster has it
# DRIVER_CPUS=1           what the driver reserves, so that a head without CPUs (`--num-cpus 0`) does not get it
# JOB_PYTHON=python       the interpreter of the nodes that has distilray's packages
# FOLLOW=yes              no: return as soon as the job is submitted
#
# Afterwards, with the job's name:  ray job logs -f NAME    ray job status NAME    ray job stop NAME
set -euo pipefail

fail() {
    printf '%s\n' "$*" >&2
    exit 2
}
[ $# -ge 2 ] || fail "usage: jobs/submit.sh RECIPE RUN [KEY=VALUE ...], for example jobs/submit.sh recipe.yaml s3://bucket/runs/first"
[ -n "${RAY_API_SERVER_ADDRESS:-}" ] || fail "RAY_API_SERVER_ADDRESS is not set; for example http://ray-head:8265"
recipe="$1" run="$2"
shift 2
[ -f "$recipe" ] || fail "$recipe is no file; the recipe must lie below $PWD, which is sent to the nodes"
case "$run" in
    *://*@*) fail "the run's address holds keys, which the dashboard would show: set them on the nodes (AWS_ACCESS_KEY_ID ...)" ;;
    *[\"\\]*) fail "$run: a run directory's name holds no quotes and no backslashes" ;;
esac

name="${run%%\?*}"
name="${name%/}"
id="${SUBMISSION_ID:-${name##*/}-$(date -u +%Y%m%d-%H%M%S)}"
hash="$(sha256sum <"$recipe" | cut -c 1-16)"
wait=()
[ "${FOLLOW:-yes}" = yes ] || wait=(--no-wait)
exec ray job submit ${wait[@]+"${wait[@]}"} --submission-id "$id" \
    --metadata-json "{\"run\": \"$run\", \"recipe\": \"$recipe\", \"recipe_sha256\": \"$hash\"}" \
    --entrypoint-num-cpus "${DRIVER_CPUS:-1}" --runtime-env jobs/runtime_env.yaml \
    -- "${JOB_PYTHON:-python}" jobs/run.py "$recipe" --run "$run" "$@"
