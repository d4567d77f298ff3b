"""A seccomp filter in classic BPF, written out here because it must work with Python's standard library alone.

It is a list of refusals: everything that a test solution does not need fails with EPERM. Signals, limits
and cores may be aimed at the program itself only, and threads may always be started, processes if `fork` allows. Files
may be given another mode, owner or time only where no file of anybody else is in sight (`own_files`: Landlock, which
otherwise hides them, does not cover that).
"""

from __future__ import annotations

import ctypes
import errno
import platform
from functools import lru_cache

from distilray.verifiers.sandbox import syscalls

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_REFUSED = {
    "x86_64": {
        "socket": 41, "ptrace": 101, "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240, "chroot": 161,
        "mount": 165, "umount2": 166, "pivot_root": 155, "swapon": 167, "reboot": 169, "sethostname": 170,
        "init_module": 175, "finit_module": 313, "add_key": 248, "request_key": 249, "keyctl": 250,
        "unshare": 272, "setns": 308, "perf_event_open": 298, "open_by_handle_at": 304,
        "process_vm_readv": 310, "process_vm_writev": 311, "memfd_create": 319, "memfd_secret": 447, "bpf": 321,
        "userfaultfd": 323, "io_uring_setup": 425, "pidfd_open": 434, "pidfd_getfd": 438,
        "pidfd_send_signal": 424, "tkill": 200, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297,
        "setpriority": 141, "sched_setscheduler": 144, "sched_setattr": 314, "kexec_load": 246, "ioprio_set": 251,
        "sched_setparam": 142,
    },
    "aarch64": {
        "socket": 198, "ptrace": 117, "shmget": 194, "semget": 190, "msgget": 186, "mq_open": 180, "chroot": 51,
        "mount": 40, "umount2": 39, "pivot_root": 41, "swapon": 224, "reboot": 142, "sethostname": 161,
        "init_module": 105, "finit_module": 273, "add_key": 217, "request_key": 218, "keyctl": 219,
        "unshare": 97, "setns": 268, "perf_event_open": 241, "open_by_handle_at": 265,
        "process_vm_readv": 270, "process_vm_writev": 271, "memfd_create": 279, "memfd_secret": 447, "bpf": 280,
        "userfaultfd": 282, "io_uring_setup": 425, "pidfd_open": 434, "pidfd_getfd": 438,
        "pidfd_send_signal": 424, "tkill": 130, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240,
        "setpriority": 140, "sched_setscheduler": 119, "sched_setattr": 274, "kexec_load": 104, "ioprio_set": 30,
        "sched_setparam": 118,
    },
}  # fmt: skip
_SELF_ONLY = {"x86_64": {"kill": 62, "tgkill": 234}, "aarch64": {"kill": 129, "tgkill": 131}}
_OWN_OR_NONE = {
    "x86_64": {"prlimit64": 302, "sched_setaffinity": 203},
    "aarch64": {"prlimit64": 261, "sched_setaffinity": 122},
}
_FCNTL = {"x86_64": 72, "aarch64": 25}
_OWNERS = {"F_SETOWN": 8, "F_SETSIG": 10, "F_SETOWN_EX": 15}
"""Commands of fcntl by which the kernel is told whom to signal, and with what."""
_OF_FILES = {
    "x86_64": {
        "chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "fchown": 93, "lchown": 94,
        "fchownat": 260, "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280, "setxattr": 188,
        "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
        "setxattrat": 463, "removexattrat": 466, "file_setattr": 469,
    },
    "aarch64": {
        "fchmod": 52, "fchmodat": 53, "fchmodat2": 452, "fchownat": 54, "fchown": 55, "utimensat": 88, "setxattr": 5,
        "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
        "setxattrat": 463, "removexattrat": 466, "file_setattr": 469,
    },
}  # fmt: skip
_CLONE = {"x86_64": 56, "aarch64": 220}
_FORKS = {"x86_64": [57, 58], "aarch64": []}
_CLONE3 = 435
_CLONE_THREAD = 0x00010000
_NEW_NAMESPACES = 0x7E020080

_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_ABSENT = 0x00050000 | errno.ENOSYS
_NR, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def supported() -> bool:
    return platform.machine() in _ARCHITECTURE


def install(own_pid: int, fork: bool, own_files: bool) -> None:
    """Filter this thread and all it starts. Raises OSError where the kernel has no seccomp filters."""
    lines = assembled(own_pid, fork, own_files)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl_pointer(syscalls.PR_SET_SECCOMP, 2, _Program(len(lines), lines))


@lru_cache(maxsize=1)
def assembled(own_pid: int, fork: bool, own_files: bool) -> ctypes.Array[_Instruction]:
    """The filter for a process. The launcher makes that of the usual process id once, for its forks."""
    lines = _assemble(platform.machine(), own_pid, fork, own_files)
    return (_Instruction * len(lines))(*[_Instruction(*line) for line in lines])


def _assemble(machine: str, own_pid: int, fork: bool, own_files: bool) -> list[tuple[int, int, int, int]]:
    lines = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NR),
    ]
    if machine == "x86_64":  # the x32 numbers of the same calls: no list would name them
        lines += [(_JUMP_ANY_BIT, 0, 1, 0x40000000), (_RETURN, 0, 0, _ABSENT)]
    refused = [*_REFUSED[machine].values(), *([] if fork else _FORKS[machine])]
    refused += [] if own_files else _OF_FILES[machine].values()
    for number in refused:
        lines += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    lines += [(_JUMP_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ABSENT)]  # glibc then uses clone, whose flags we see
    for number in _SELF_ONLY[machine].values():
        lines += _if_call(number, [(_JUMP_EQUAL, 1, 0, own_pid), (_RETURN, 0, 0, _REFUSE)])
    for number in _OWN_OR_NONE[machine].values():
        own = [(_JUMP_EQUAL, 2, 0, 0), (_JUMP_EQUAL, 1, 0, own_pid), (_RETURN, 0, 0, _REFUSE)]
        lines += _if_call(number, own)
    owners = [line for command in _OWNERS.values() for line in ((_JUMP_EQUAL, 0, 1, command), (_RETURN, 0, 0, _REFUSE))]
    lines += _if_call(_FCNTL[machine], owners, _ARG1)
    clone = [(_JUMP_ANY_BIT, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _REFUSE)]
    if not fork:
        clone += [(_JUMP_ANY_BIT, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, _REFUSE)]
    lines += _if_call(_CLONE[machine], clone)
    return [*lines, (_RETURN, 0, 0, _ALLOW)]


def _if_call(
    number: int, body: list[tuple[int, int, int, int]], argument: int = _ARG0
) -> list[tuple[int, int, int, int]]:
    """For call `number`: load an `argument` of it, run `body` (which returns or falls through), then allow."""
    inner = [(_LOAD, 0, 0, argument), *body, (_RETURN, 0, 0, _ALLOW)]
    return [(_JUMP_EQUAL, 0, len(inner), number), *inner]
