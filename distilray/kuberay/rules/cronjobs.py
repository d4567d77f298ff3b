"""RayCronJobs: when they run. What they run is judged as a RayJob."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

from distilray.kuberay.fields import Finding
from distilray.kuberay.schedules import schedule_problem
from distilray.kuberay.subjects import Subject


def zone_in_schedule(subject: Subject) -> Iterator[Finding]:
    field = subject.document.at("spec", "schedule")
    if subject.kind == "RayCronJob" and "TZ" in str(field.value):
        yield field.refused("a time zone stands in the schedule", "move it to timeZone")


def schedule(subject: Subject) -> Iterator[Finding]:
    field = subject.document.at("spec", "schedule")
    if subject.kind != "RayCronJob" or "TZ" in str(field.value):
        return
    problem = schedule_problem(str(field.value or ""))
    if problem:
        yield field.refused(
            problem, "give minute, hour, day, month and weekday: '30 2 * * *' is half past two at night"
        )


def time_zone(subject: Subject) -> Iterator[Finding]:
    zone = subject.document.at("spec", "timeZone")
    if subject.kind != "RayCronJob" or not zone.present:
        return
    if not zone.given:
        yield zone.refused("it is empty", "name a time zone, or remove it: then it is the operator's")
    elif not _is_zone(str(zone.value)):
        yield zone.refused("no such time zone is known", "use a name such as Etc/UTC or Asia/Shanghai")


def _is_zone(name: str) -> bool:
    known = zoneinfo.available_timezones()
    return name in known or name in ("Local", "UTC") or not known
