"""What doctor concludes from memory, disk and limits."""

from pathlib import Path

import pytest

from distilray.cli.checkup.machine import (
    GB,
    check_compiler,
    check_disk,
    check_hub,
    check_lscpu,
    check_memory,
    check_open_files,
    check_shared_memory,
)


@pytest.mark.parametrize(("free", "mark"), [(1, "stop"), (4, "look"), (16, "ok")])
def test_little_memory_is_told(free: int, mark: str) -> None:
    assert check_memory(free * GB, 32 * GB).mark == mark


@pytest.mark.parametrize(("free", "mark"), [(1, "stop"), (10, "look"), (100, "ok")])
def test_a_full_disk_is_told(free: int, mark: str) -> None:
    assert check_disk(free * GB, Path("here")).mark == mark


def test_a_container_with_64_megabytes_of_shared_memory_is_told_how_to_get_more() -> None:
    assert "--shm-size" in check_shared_memory(64 * 1024**2).remedy


@pytest.mark.parametrize(("soft", "mark"), [(1024, "look"), (65536, "ok"), (-1, "ok")])
def test_few_open_files_are_told(soft: int, mark: str) -> None:
    assert check_open_files(soft).mark == mark


def test_without_lscpu_no_engine_starts_on_cpus() -> None:
    missing = check_lscpu(None)
    assert (missing.mark, "util-linux" in missing.remedy) == ("stop", True)


def test_a_missing_compiler_stops_nothing() -> None:
    assert check_compiler(None).mark == "look"


def test_models_of_the_hub_that_plan_can_check_are_counted() -> None:
    assert check_hub(["a/b", "c/d", "e/f", "g/h"], Path("/hub")).found == "4 in /hub: a/b, c/d, e/f, ..."
    none = check_hub([], Path("/hub"))
    assert (none.mark, none.found) == ("ok", "none in /hub")
    assert "plan cannot check their templates" in none.remedy
