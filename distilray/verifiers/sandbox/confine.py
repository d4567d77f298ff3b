"""The confinement of a program: its own file system, no network, no privileges, limits on what it uses.

Two layers, each used where the kernel allows it. *Namespaces* (once per launcher): an empty network, a root that
holds Python and the system libraries read-only and nothing else. *The process itself*: another user where
we are root, no capabilities, Landlock, seccomp, rlimits.
"""

from __future__ import annotations

import os
import resource
import stat
import sys
import sysconfig
from functools import cache

from distilray.verifiers.sandbox import landlock, seccomp, syscalls
from distilray.verifiers.sandbox.limits import Limits

BOX = "/box"
OUTSIDER = 65534  # "nobody": the user that programs run as where we are root
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_MIB = 1 << 20


@cache
def readable_paths() -> list[str]:
    """Python with its packages, and the shared libraries it loads. Found once, in the launcher; forks know it."""
    python = {sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], *_SYSTEM}
    python |= {os.path.realpath(path) for path in (*python, sys.executable)}
    python |= set(_links(sys.executable))
    kept: list[str] = []
    for path in sorted(path for path in python if os.path.exists(path)):
        if not any(path.startswith(parent + "/") and not os.path.islink(parent) for parent in kept):
            kept.append(path)
    return kept


def _links(path: str) -> list[str]:
    """The symbolic links met on the way to what `path` names. A virtual environment's Python is often a link to a
    link in a third directory, and a program that starts `sys.executable` follows them all."""
    found: list[str] = []
    while path not in found:
        parts = path.split("/")
        for end in range(2, len(parts) + 1):
            place = "/".join(parts[:end])
            if os.path.islink(place):
                found.append(place)
                target = os.path.join(os.path.dirname(place), os.readlink(place))
                path = os.path.normpath(os.path.join(target, *parts[end:]))
                break
        else:
            return found
    return found


def enter_namespaces() -> None:
    """A user, mount, network, IPC and UTS namespace of our own. Raises OSError where the machine forbids it."""
    flags = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
    syscalls.unshare(syscalls.CLONE_NEWUSER | flags)


def map_ids(pid: int) -> None:
    """From outside: map the users of `pid`'s new user namespace (user_namespaces(7))."""
    outsider = f"{OUTSIDER} {OUTSIDER} 1\n" if os.geteuid() == 0 else ""
    for name, own in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
        if name == "gid_map" and os.geteuid() != 0:
            _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/{name}", f"{own} {own} 1\n{outsider}")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())  # the kernel takes an id map in one write or not at all
    finally:
        os.close(descriptor)


def build_root(root: str) -> None:
    """Make a small read-only world in the directory `root` and move into it."""
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", root, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=755,size=1m")
    for path in [*readable_paths(), *(d for d in _DEVICES if os.path.exists(d))]:
        _show(path, root + path)
    for path in (BOX, "/tmp"):
        os.makedirs(root + path, exist_ok=True)
    syscalls.pivot_into(root)
    syscalls.mount("none", "/", None, syscalls.MS_REMOUNT | syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV)


def _show(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    syscalls.mount(path, target, None, syscalls.MS_BIND | syscalls.MS_REC)
    if not path.startswith("/dev/"):
        held = os.statvfs(path).f_flag & 0xF  # flags that the host set are locked: they must be repeated
        keep = held & (syscalls.MS_NOEXEC | syscalls.MS_NODEV)
        flags = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID
        syscalls.mount("none", target, None, flags | keep)


def fresh_box(limits: Limits) -> None:
    """An empty writable directory that ends with the run and holds no more than `disk_mb`."""
    options = f"mode=777,size={limits.disk_mb}m,nr_inodes=4096"
    syscalls.mount("tmpfs", BOX, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)


def can_drop_user() -> bool:
    """Whether root can become the user nobody and still import: every folder above Python must be open to others."""
    for path in (sys.prefix, sys.base_prefix):
        while path != "/":
            if not os.stat(path).st_mode & stat.S_IXOTH:
                return False
            path = os.path.dirname(path)
    return True


def confine_process(limits: Limits, box: str, layers: dict[str, object]) -> None:
    """The last thing before the program: from here on this process can only do less. `layers` is the launcher's
    account of what this machine offers (see launcher.py)."""
    os.chdir(box)
    if layers["user"] == "nobody":
        os.setgroups([])
        os.setresgid(OUTSIDER, OUTSIDER, OUTSIDER)
        os.setresuid(OUTSIDER, OUTSIDER, OUTSIDER)
    syscalls.die_with_parent()  # a change of user clears it
    _limit(limits, layers)
    syscalls.drop_capabilities()
    version = layers["landlock"]
    assert isinstance(version, int)
    if version:
        devices = [path for path in _DEVICES if os.path.exists(path)]
        landlock.restrict([*readable_paths(), *devices], [box, "/dev/null"], version)
    if layers["seccomp"]:
        seccomp.install(os.getpid(), bool(layers["count processes"]), own_files(layers))


def own_files(layers: dict[str, object]) -> bool:
    """Whether every file that a program may change the mode, owner or time of is its own."""
    return bool(layers["namespaces"]) or layers["user"] == "nobody"


def _limit(limits: Limits, layers: dict[str, object]) -> None:
    def ceiling(what: int, value: int, hard: int | None = None) -> None:
        most = resource.getrlimit(what)[1]
        if most != resource.RLIM_INFINITY:
            value, hard = min(value, most), min(hard or value, most)
        resource.setrlimit(what, (value, hard or value))

    ceiling(resource.RLIMIT_CORE, 0)
    ceiling(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1)
    ceiling(resource.RLIMIT_FSIZE, limits.file_mb * _MIB)
    ceiling(resource.RLIMIT_NOFILE, limits.open_files)
    ceiling(resource.RLIMIT_AS, limits.memory_mb * _MIB)
    if layers["count processes"]:
        # A non-root launcher, its child and the namespace's init are the same user and count as well.
        ceiling(resource.RLIMIT_NPROC, limits.processes + 3)
