"""The corpus of escapes from the sandbox; see tests/verifiers/data/escapes.txt."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

FILE = ROOT / "tests" / "verifiers" / "data" / "escapes.txt"
UNENDING = {
    "stops itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nprint('ESCAPED went on')",
    "blocks signals": "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(60)",
    "burns the processor in a thread": (
        "import threading\ndef burn():\n    while True: pass\nthreading.Thread(target=burn).start()"
    ),
}
"""Programs that do not end by themselves."""


def attacks() -> dict[str, tuple[tuple[str, ...], str]]:
    """By name: the layers of which one has to be there for it to be kept in (none: always), and the program."""
    _, *parts = re.split(r"^== (.+)\n", FILE.read_text("utf-8"), flags=re.M)
    programs = dict(zip(parts[::2], parts[1::2], strict=True))
    before = programs.pop("before")
    found = {}
    for title, program in programs.items():
        name, _, layers = title.partition(" | ")
        found[name] = (tuple(layers.split()), f"{before}\n{program}")
    return found
