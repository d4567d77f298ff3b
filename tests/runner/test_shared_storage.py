"""What a node sees of a run directory; nodes that see none are in tests/cluster."""

from __future__ import annotations

import threading
from pathlib import Path

from distilray.runner.shared_storage import refusal, sees
from distilray.storage import Store


def test_a_file_that_appears_late_is_seen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    late = threading.Timer(1.0, store.write, ("probe", b""))
    late.start()
    assert sees(store, "probe", seconds=20)
    late.join()


def test_what_never_appears_is_not(tmp_path: Path) -> None:
    assert not sees(Store(tmp_path), "probe", seconds=0.0)


def test_the_refusal_names_the_folder_and_the_remedy(tmp_path: Path) -> None:
    text = refusal(Store(tmp_path / "run"))
    assert str(tmp_path / "run") in text and "--run s3://" in text
