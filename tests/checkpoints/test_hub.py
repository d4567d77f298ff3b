"""Checkpoints that the hub has given to this machine before are found without asking it."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.checkpoints import cached_models, folder_here, hub_cache, known_config
from tests.support.hub import hub_cache_with


def checkpoint(folder: Path) -> str:
    folder.mkdir()
    (folder / "config.json").write_text('{"hidden_size": 7}')
    return str(folder)


def test_a_cached_name_leads_to_its_newest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_cache_with(tmp_path / "hub", monkeypatch, tiny=checkpoint(tmp_path / "tiny"))
    assert folder_here("owner/tiny") == hub_cache() / "models--owner--tiny" / "snapshots" / "abc123"
    assert known_config("owner/tiny") == {"hidden_size": 7}
    assert cached_models() == ["owner/tiny"]


def test_a_name_that_was_never_fetched_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_cache_with(tmp_path / "hub", monkeypatch)
    assert folder_here("owner/tiny") is None
    assert known_config("owner/tiny") is None
    assert cached_models() == []


def test_a_directory_is_where_it_is(tmp_path: Path) -> None:
    assert folder_here(checkpoint(tmp_path / "own")) == tmp_path / "own"
    assert folder_here(str(tmp_path / "absent")) is None


def test_half_a_download_is_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_cache_with(tmp_path / "hub", monkeypatch)
    (tmp_path / "hub" / "models--owner--half" / "refs").mkdir(parents=True)
    assert folder_here("owner/half") is None
