"""The launcher: a small, clean process that forks one confined child per run.

It holds no secrets (empty environment, no other row's data, never an expected answer), so that a child that reads
its own memory learns nothing. It serves one client over a Unix socket: a job in (JSON, with the four descriptors
stdin, stdout, stderr and results), the run's pid out, and its end.

Started by client.py as `python -I -c "... main(fd, root, without)"`.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import time

from distilray.verifiers.sandbox import confine, guest, landlock, seccomp, syscalls
from distilray.verifiers.sandbox.limits import Limits
from distilray.verifiers.sandbox.wire import receive, send

_KILLED = int(signal.SIGKILL).to_bytes(4, "big")
_USUAL_PID = 2  # of a program in its PID namespace, after the namespace's init
NAMESPACES, LANDLOCK, SECCOMP = "namespaces", "landlock", "seccomp"


def main(descriptor: int, root: str, without: list[str]) -> None:
    """Serve until the client goes. `without` leaves layers out, for tests of the ones that remain."""
    syscalls.die_with_parent()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    link = socket.socket(fileno=descriptor)
    layers = _prepare(link, root, without)
    confine.readable_paths()
    if layers["seccomp"]:
        seccomp.assembled(_USUAL_PID, bool(layers["count processes"]), confine.own_files(layers))
    guest.preload()
    send(link, {"ready": layers})
    while True:
        job, descriptors = receive(link)
        if job is None:
            return
        pid = os.fork()
        if pid == 0:
            link.close()
            _run(job, descriptors, layers)
        for descriptor in descriptors:
            os.close(descriptor)
        send(link, {"pid": pid})
        _, status, _ = os.wait4(pid, 0)
        _end_orphans(hidden=bool(layers["namespaces"]))
        send(link, {"end": status})


def _prepare(link: socket.socket, root: str, without: list[str]) -> dict[str, object]:
    """Take every layer this machine offers; say why the others are missing (`why`)."""
    why: dict[str, str] = {}
    separated = _try_namespaces(link, root, why) if NAMESPACES not in without else False
    version = landlock.abi() if LANDLOCK not in without else 0
    filtered = SECCOMP not in without and seccomp.supported()
    nobody = os.geteuid() == 0 and (separated or confine.can_drop_user())
    if os.geteuid() == 0 and not nobody:
        why["user"] = "running as root, and Python is in a directory that other users may not enter"
    return {
        "namespaces": separated,
        "landlock": version,
        "seccomp": filtered,
        "user": "nobody" if nobody else "root" if os.geteuid() == 0 else "own",
        # RLIMIT_NPROC counts a user's processes: only ours in a user namespace or as user nobody, else all of the
        # user's.
        "count processes": separated or nobody,
        "why": why,
    }


def _try_namespaces(link: socket.socket, root: str, why: dict[str, str]) -> bool:
    try:
        confine.enter_namespaces()
    except OSError as error:
        why["namespaces"] = f"the kernel refuses user namespaces ({error.strerror})"
        send(link, {"unshared": False})
        receive(link)
        return False
    send(link, {"unshared": True})
    answer, _ = receive(link)
    if answer is None or answer["problem"]:
        raise SystemExit(f"could not map users: {answer}")
    confine.build_root(root)
    return True


def _run(job: dict, descriptors: list[int], layers: dict[str, object]) -> None:
    """In the first child: a process group and, where possible, a PID namespace whose end ends everything in it."""
    os.setsid()
    syscalls.die_with_parent()
    limits = Limits(**job["limits"])
    box = job["box"]
    if layers["namespaces"]:
        syscalls.unshare(syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS)
        confine.fresh_box(limits)
        box = confine.BOX
        told, tells = os.pipe()
        init = os.fork()
        if init == 0:
            syscalls.die_with_parent()
            _be_init(job, descriptors, layers, limits, box, tells)
        for descriptor in (*descriptors, tells):
            os.close(descriptor)
        os.waitpid(init, 0)
        _end_like(int.from_bytes(os.read(told, 4) or _KILLED, "big"))
    _become_program(job, descriptors, layers, limits, box)


def _be_init(
    job: dict, descriptors: list[int], layers: dict[str, object], limits: Limits, box: str, tells: int
) -> None:
    """PID 1: start the program, reap orphans, leave with the program; the kernel then kills all that is left. How the
    program ended goes into the pipe `tells`: this process cannot die of a signal of its own."""
    program = os.fork()
    if program == 0:
        _become_program(job, descriptors, layers, limits, box)
    for descriptor in descriptors:
        os.close(descriptor)
    while True:
        pid, status = os.wait()
        if pid == program:
            os.write(tells, status.to_bytes(4, "big"))
            os._exit(0)


def _end_like(status: int) -> None:
    """End as another process did, so that exit status 139 and a segmentation fault stay apart."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        number = os.WTERMSIG(status)
        if number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # Python handles or ignores these
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _become_program(job: dict, descriptors: list[int], layers: dict[str, object], limits: Limits, box: str) -> None:
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target + 100)
    for target in range(len(descriptors)):
        os.dup2(target + 100, target, inheritable=True)
    os.closerange(len(descriptors), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    confine.confine_process(limits, box, layers)
    guest.play(job, results=3)


def _end_orphans(hidden: bool) -> None:
    """Reap what a run left behind: orphans come to us, the subreaper, and are killed here. In a PID namespace
    (`hidden`: its processes are not in any /proc that we see) the kernel kills them with their init."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for child in () if hidden else _children():
                os.kill(child, signal.SIGKILL)
            time.sleep(0.001)


def _children() -> list[int]:
    own = os.getpid()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as handle:
                    fields = handle.read().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            if int(fields[1]) == own:
                found.append(int(name))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
