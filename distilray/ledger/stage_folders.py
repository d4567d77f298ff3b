"""Which folder a stage is in: nothing is moved or copied when a recipe changes.

The first settings of a stage have the plain folder, ``steps/01-answer``; later ones have folders named by their
fingerprint, ``steps/01-answer-5d0e21c3a1f4b7c9``. Which of them the recipe means now is in ``stages.json``.
Whoever goes back to earlier settings finds what they came to.
"""

from __future__ import annotations

import re

from distilray.ledger.manifest import Manifest
from distilray.storage import Store

STAGES = "stages.json"
_MARK = re.compile(r"-[0-9a-f]{16}$")


def plain_folder(folder: str) -> str:
    """``folder`` without the fingerprint of its settings."""
    return _MARK.sub("", folder)


def choose_folder(store: Store, folder: str, fingerprint: str) -> str:
    """The folder of the stage with these settings, from now on the recipe's. ``folder``: any of the stage's."""
    plain = plain_folder(folder)
    first = Manifest.read(store, plain)
    chosen = plain if first is None or first.fingerprint == fingerprint else f"{plain}-{fingerprint}"
    current = read_current(store)
    if current.get(plain, plain) != chosen:
        store.write_json(STAGES, current | {plain: chosen})
    return chosen


def read_current(store: Store) -> dict[str, str]:
    """Plain folder to the recipe's, of stages where they differ, or once did."""
    try:
        return store.read_json(STAGES)
    except FileNotFoundError:
        return {}


def superseded(store: Store) -> list[str]:
    """Folders of stages of earlier settings."""
    found = []
    for plain, chosen in read_current(store).items():
        parent, _, name = plain.rpartition("/")
        folders = [f"{parent}/{other}" for other in store.names(parent) if plain_folder(other) == name]
        found += [folder for folder in folders if folder != chosen]
    return sorted(found)
