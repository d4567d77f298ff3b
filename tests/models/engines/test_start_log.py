"""What an engine says while it starts: new lines are news, repeated ones are not."""

from __future__ import annotations

from pathlib import Path

from distilray.models.engines.start_log import LONGEST, StartLog, StartNews

WAITS = "(EngineCore pid=7) INFO 11-27 10:{:02}:00 [shm_broadcast.py:733] No available shared memory broadcast block\n"


def written(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_lines_are_told_without_what_stands_before_them(tmp_path: Path) -> None:
    log = tmp_path / "teacher-0.log"
    written(log, "of an earlier start\n")
    start = StartLog(log)
    assert start.read() == StartNews(0, "")
    written(log, "(EngineCore pid=7) INFO 11-27 10:22:58 [model.py:684] Resolved architecture: Qwen2ForCausalLM\n")
    assert start.read() == StartNews(1, "Resolved architecture: Qwen2ForCausalLM")


def test_a_bar_that_moves_is_news_and_a_complaint_that_is_repeated_is_none(tmp_path: Path) -> None:
    log = tmp_path / "teacher-0.log"
    start = StartLog(log)
    for shards in (1, 2):
        written(log, f"\r(EngineCore pid=7) Loading shards: {shards}/5\r")
        written(log, WAITS.format(shards))
    news = start.read()
    assert news.lines == 3
    for minute in range(3, 9):
        written(log, WAITS.format(minute))
    assert start.read() == news == StartNews(3, "Loading shards: 2/5")


def test_a_line_is_news_when_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "m-0.log"
    start = StartLog(log)
    written(log, "Loading we")
    assert start.read() == StartNews()
    written(log, "ights " + "x" * 500 + "\n")
    found = start.read()
    assert found.lines == 1 and found.latest.startswith("Loading weights x") and len(found.latest) == LONGEST


def test_an_engine_without_a_log_has_no_news(tmp_path: Path) -> None:
    assert StartLog(None).read() == StartNews()
    assert StartLog(tmp_path / "not-there.log").read() == StartNews()
