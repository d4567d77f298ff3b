"""The page in a real browser: its script runs under its own policy, says nothing in the console, follows the reader."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from distilray.report.page.page import write_report
from distilray.storage import Store
from tests.support.practice_run import write_practice_run

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    store = Store(folder / "run")
    write_practice_run(store)
    return Path(write_report(store, folder / "report.html")).as_uri()


def opened(address: str, folder: Path, *flags: str) -> tuple[str, str]:
    """The document after its script ran, and what the browser logged."""
    assert BROWSER is not None
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/browser"]
    command += ["--enable-logging=stderr", *flags, "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout, done.stderr


def test_rows_are_shown_and_the_console_stays_silent(page: str, tmp_path: Path):
    document, log = opened(page, tmp_path)
    assert document.count('class="row"') >= 10
    assert not re.findall(r"CONSOLE.*", log)


def test_a_chinese_reader_gets_chinese(page: str, tmp_path: Path):
    english, _ = opened(page, tmp_path / "en", "--lang=en-US", "--accept-lang=en-US")
    chinese, _ = opened(page, tmp_path / "zh", "--lang=zh-CN", "--accept-lang=zh-CN")
    assert re.search(r"<html[^>]* lang=\"en", english)
    assert re.search(r"<html[^>]* lang=\"zh", chinese)
