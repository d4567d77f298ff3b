"""`distilray report`: where the page is written."""

from pathlib import Path

from distilray.storage import Store
from tests.support.command_line import distilray
from tests.support.practice_run import write_practice_run


def test_the_page_lies_in_the_run_and_its_place_is_printed(tmp_path: Path):
    store = Store(tmp_path / "run")
    write_practice_run(store, units=1)
    ended = distilray("report", store.base)
    assert (ended.code, ended.out) == (0, f"{store.base}/report.html\n")
    assert "<html" in store.read("report.html").decode()


def test_the_page_can_be_written_elsewhere(practice_run: Store, tmp_path: Path):
    page = tmp_path / "pages" / "practice.html"
    assert distilray("report", practice_run.base, "--out", str(page)).out == f"{page}\n"
    assert "<html" in page.read_text()
    assert not practice_run.exists("report.html")


def test_an_object_store_takes_the_page_too(practice_run: Store, s3_store: Store):
    name, _, query = s3_store.uri.partition("?")
    out = f"{name}/page.html?{query}"
    assert distilray("report", practice_run.base, "--out", out).code == 0
    assert b"<html" in s3_store.read("page.html")
