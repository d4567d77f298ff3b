"""Landlock: a process without any privilege gives up the file system, TCP and signals to outsiders (landlock(7))."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from distilray.verifiers.sandbox import syscalls

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
_ACCESS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}  # by ABI: how many file correct exist; later ABIs have 16
_RULE_PATH_BENEATH = 1


def abi() -> int:
    """The kernel's Landlock version; 0 where it has none or it is switched off."""
    try:
        return syscalls.syscall(syscalls.LANDLOCK_CREATE_RULESET, None, 0, 1, what="landlock version")
    except OSError:
        return 0


def restrict(readable: Iterable[str], writable: Iterable[str], version: int) -> None:
    """From now on this process and its children read only `readable`, write only `writable`, and may not
    bind or connect TCP (ABI 4) nor signal a process outside (ABI 6)."""
    handled = (1 << _ACCESS_BITS.get(version, 16)) - 1
    attributes = struct.pack("QQQ", handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = syscalls.syscall(
        syscalls.LANDLOCK_CREATE_RULESET, attributes[:size], size, 0, what="landlock_create_ruleset"
    )
    for paths, correct in ((readable, _READ), (writable, handled & ~_EXECUTE)):
        for path in paths:
            _allow(ruleset, path, correct & handled)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.syscall(syscalls.LANDLOCK_RESTRICT_SELF, ruleset, 0, what="landlock_restrict_self")
    os.close(ruleset)


def _allow(ruleset: int, path: str, correct: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not os.path.isdir(path):
        correct &= _FILE_ONLY
    rule = struct.pack("=Qi", correct, beneath)
    syscalls.syscall(syscalls.LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0, what=f"landlock_add_rule {path}")
    os.close(beneath)
