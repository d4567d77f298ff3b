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
ray job submit --no-wait --submission-id "$id" \
    --metadata-json "{\"run\": \"$run\", \"recipe\": \"$recipe\", \"recipe_sha256\": \"$hash\"}" \
    --entrypoint-num-cpus "${DRIVER_CPUS:-1}" --runtime-env jobs/runtime_env.yaml \
    -- "${JOB_PYTHON:-python}" jobs/run.py "$recipe" --run "$run" "$@"
[ "${FOLLOW:-yes}" = yes ] || exit 0
trap 'printf "%s\n" "the job goes on: ray job logs -f $id" >&2; exit 130' INT

# The stream of a job's log ends with the job, but also with the node that it runs on or with the connection, and `ray
# job submit` then ends with 0 as if all were well: how the job ended is asked for by itself.
ray job logs --follow "$id" || true
unheard=0
while [ $unheard -lt 12 ]; do
    status="$(ray job status "$id" 2>&1)" || status=""
    case "$status" in
        *"Job '$id' succeeded"*) code=0 ;;
        *"Job '$id' failed"* | *"Job '$id' was stopped"*) code=1 ;;
        *"Status for job '$id'"*) unheard=0 ;;
        *) unheard=$((unheard + 1)) ;;
    esac
    if [ -n "${code:-}" ]; then
        [ -z "${told:-}" ] || printf '%s\n' "$status"
        exit "$code"
    fi
    [ -n "${told:-}" ] || printf '%s\n' "the log of $id can no longer be followed; waiting for its end" >&2
    told=yes
    sleep 5
done
fail "$RAY_API_SERVER_ADDRESS has not answered for a minute; how $id ended is not known. The same command goes on with the run"
