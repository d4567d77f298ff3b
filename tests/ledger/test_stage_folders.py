"""A changed recipe gets folders of its own: nothing is moved, and what it goes back to is found."""

from __future__ import annotations

from distilray.ledger import Manifest, choose_folder, fingerprint, list_stages, plain_folder, superseded
from distilray.storage import Store
from tests.support.ledger_files import PHASE, SELECT, SOURCES, write_run

A, B = fingerprint("a"), fingerprint("b")


def begin(store: Store, folder: str, mark: str) -> str:
    chosen = choose_folder(store, folder, mark)
    Manifest(name="answer+judge", kind="phase", fingerprint=mark).write(store, chosen)
    return chosen


def test_the_first_settings_have_the_plain_folder_and_others_their_own(store: Store) -> None:
    assert begin(store, PHASE, A) == PHASE and begin(store, PHASE, A) == PHASE
    assert store.files_below("") == [f"{PHASE}/manifest.json"]
    other = begin(store, PHASE, B)
    assert other == f"{PHASE}-{B}" and plain_folder(other) == PHASE
    # Asked again with the folder it gave, and for the first settings again.
    assert begin(store, other, B) == other
    assert superseded(store) == [PHASE]
    assert begin(store, other, A) == PHASE and superseded(store) == [other]


def test_stages_of_earlier_settings_are_not_listed(store: Store) -> None:
    write_run(store)
    before = store.files_below("steps")
    changed = begin(store, PHASE, B)
    assert [stage.folder for stage in list_stages(store)] == [SOURCES, changed, SELECT]
    assert set(before) < set(store.files_below("steps"))  # all of it is where it was
    begin(store, PHASE, "p")
    assert [stage.folder for stage in list_stages(store)] == [SOURCES, PHASE, SELECT]


def test_each_round_of_a_repeat_has_its_own(local_store: Store) -> None:
    rounds = [f"steps/01-align/round-{k}/01-rate" for k in (1, 2)]
    for folder in rounds:
        begin(local_store, folder, A)
    changed = begin(local_store, rounds[1], B)
    assert [stage.folder for stage in list_stages(local_store)] == [rounds[0], changed]
