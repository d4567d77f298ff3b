"""RayJobs, those that a RayCronJob makes among them."""

from __future__ import annotations

from collections.abc import Iterator

from distilray.kuberay.fields import Field, Finding
from distilray.kuberay.subjects import Subject

SELECTED = "ray.io/cluster"
SIDECAR, INTERACTIVE = "SidecarMode", "InteractiveMode"


def needs_shutdown(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        if job.at("shutdownAfterJobFinishes").value is True:
            continue
        for field in (job.at("suspend"), job.at("ttlSecondsAfterFinished")):
            if field.value is True or (field.number or 0) > 0:
                yield field.refused(
                    "it works on the end of the job's cluster, but shutdownAfterJobFinishes is false",
                    "set shutdownAfterJobFinishes to true",
                )


def cluster(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        if not job.at("rayClusterSpec").present and not job.at("clusterSelector").given:
            yield job.at("rayClusterSpec").refused(
                "the job has no cluster to run on", f"describe one, or name one: clusterSelector: {{{SELECTED}: NAME}}"
            )


def selector(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        chosen = job.at("clusterSelector")
        if not chosen.given:
            continue
        if not chosen.at(SELECTED).given:
            yield chosen.at(SELECTED).refused("it names no cluster", "give the name of a RayCluster")
        for field in (job.at("suspend"), job.at("backoffLimit"), _mode(job, SIDECAR)):
            if field.value is True or field.value == SIDECAR or (field.number or 0) > 0:
                yield field.refused(
                    "a job on a cluster that clusterSelector names can have none of its own",
                    "remove it, or describe the cluster in rayClusterSpec",
                )


def interactive(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        retries = job.at("backoffLimit")
        if _mode(job, INTERACTIVE).present and (retries.number or 0) > 0:
            yield retries.refused("a job that is submitted by hand is not retried", "remove it")


def sidecar(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        if not _mode(job, SIDECAR).present:
            continue
        for field in (job.at("submitterPodTemplate"), job.at("submitterConfig")):
            if field.present:
                yield field.refused("in SidecarMode the submitter is a container of the head pod", "remove it")
        policy = job.at("rayClusterSpec", "headGroupSpec", "template", "spec", "restartPolicy")
        if policy.value not in (None, "", "Never"):
            yield policy.refused("in SidecarMode a head that restarts would submit again", "set it to Never")


def deadlines(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        for field in (job.at("activeDeadlineSeconds"), job.at("preRunningDeadlineSeconds")):
            if field.number is not None and field.number <= 0:
                yield field.refused("a deadline lies ahead", "give 1 second or more, or remove it")


def negative(subject: Subject) -> Iterator[Finding]:
    for job in subject.jobs():
        for field in (job.at("ttlSecondsAfterFinished"), job.at("backoffLimit")):
            if field.negative:
                yield field.refused("it cannot be negative", "give 0 or more")


def _mode(job: Field, mode: str) -> Field:
    """The submission mode if it is ``mode``; absent otherwise."""
    field = job.at("submissionMode")
    return field if field.value == mode else Field(None, field.path)
