"""The page on scale says what was measured, and nothing where nothing was."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.scaling.document import BEGIN, END, NOT_YET, PAGE, RESULTS, with_tables

LOCAL = {
    "rows": 1_000_000,
    "units": 4_000,
    "rows_per_s": 5_000,
    "against_the_smallest": 1.02,
    "driver_ms_a_unit": 2.5,
    "monitor_ms_a_unit": 0.5,
    "processes": {
        "driver": {"mib": {"quarter": 200, "three_quarters": 210, "peak": 220}, "cpu_s": 10.0},
        "runner": {"mib": {"quarter": 300, "three_quarters": 300, "peak": 310}, "cpu_s": 100.0},
    },
}
FAR = {
    "rows": 1_000_000,
    "units": 4_000,
    "rows_per_s": 2_000,
    "seconds_to_first_request": {"after_the_kill": 12.0},
    "status_seconds": {"working": {"median": 2.1}},
    "requests": {"GET": 100, "PUT": 50, "refused": 2},
    "dollars_a_million_rows": 0.4,
}


def tables(folder: Path, **found: object) -> str:
    results = folder / "scale.json"
    results.write_text(json.dumps(found))
    return with_tables(f"before\n{BEGIN}\nold\n{END}\nafter\n", results)


def test_what_was_not_measured_is_not_stated(tmp_path: Path) -> None:
    page = with_tables(f"{BEGIN}\nold\n{END}", tmp_path / "nowhere.json")
    assert NOT_YET in page and "old" not in page and "|" not in page


def test_the_model_multiplies_what_was_measured(tmp_path: Path) -> None:
    page = tables(tmp_path, local=[LOCAL], s3=[FAR])
    assert page.startswith("before\n") and page.endswith("\nafter\n")
    # 512 GPUs of 20 rows a second need 977 s for 10 M rows, and 10,000 units 25 s of the driver.
    assert "| 10 M | 512 | 1,000 | 10,000 | 0.3 | 1.0 | 2.6% | 0.5% | $1.00 |" in page
    assert "| 1 B | 64 | 16,384 | 61,036 |" in page


def test_without_one_of_the_two_there_is_no_model(tmp_path: Path) -> None:
    assert "What follows" not in tables(tmp_path, local=[LOCAL])


def test_the_page_is_what_the_results_give() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_tables(page, RESULTS)
