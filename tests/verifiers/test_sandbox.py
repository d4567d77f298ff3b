"""Hostile programs: each costs its own run and nothing else, with all protections and without namespaces."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.verifiers import Limits, Sandbox, protections

QUICK = Limits(wall_s=4.0, cpu_s=3, memory_mb=256, disk_mb=16, file_mb=8)


@pytest.fixture(scope="module", params=[(), ("namespaces",)], ids=["all layers", "no namespaces"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    sandbox = Sandbox(without=request.param)
    yield sandbox
    sandbox.close()


def script(sandbox: Sandbox, program: str, limits: Limits = QUICK, stdin: str = ""):
    return sandbox.run({"form": "script", "program": program}, stdin=stdin, limits=limits)


def needs(sandbox: Sandbox, *layers: str) -> None:
    """Skip where this machine offers none of the layers that keep the promise."""
    if not any(sandbox.layers[layer] for layer in layers):
        pytest.skip(f"this machine has none of {', '.join(layers)}")


@pytest.fixture(autouse=True)
def still_works_afterwards(sandbox: Sandbox) -> Iterator[None]:
    """Whatever a test did, the next honest program runs and nothing of the last one lives."""
    script(sandbox, "")
    yield
    honest = script(sandbox, "print(int(input()) + 1)", stdin="41\n", limits=Limits(wall_s=60.0))
    assert (honest.ended, honest.stdout) == ("exit", "42\n")


def running_with(mark: str) -> list[str]:
    """Pids of processes that hold `mark` in their memory-independent traces: their working directory or name."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and Path(f"/proc/{name}/comm").read_text().strip() == mark:
                found.append(name)
        except OSError:
            continue  # it ended while we looked
    return found


NAMED = "import ctypes\nctypes.CDLL(None).prctl(15, b'{}', 0, 0, 0)\n"  # PR_SET_NAME, so that we can find it


def test_an_honest_program_reads_stdin_and_writes_stdout(sandbox: Sandbox):
    run = script(sandbox, "print(sum(map(int, input().split())))", stdin="1 2 3\n")
    assert (run.ended, run.code, run.stdout) == ("exit", 0, "6\n")


def test_a_program_may_use_threads_and_temporary_files(sandbox: Sandbox):
    program = """
import threading
with open("notes.txt", "w") as f: f.write("kept")
done = []
t = threading.Thread(target=lambda: done.append(open("notes.txt").read())); t.start(); t.join()
print(done)
"""
    assert script(sandbox, program).stdout == "['kept']\n"


def test_a_fork_bomb_is_ended(sandbox: Sandbox):
    program = NAMED.format("forkbomb") + "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
    run = script(sandbox, program)
    assert run.ended == "time"
    assert running_with("forkbomb") == []


def test_endless_output_is_cut(sandbox: Sandbox):
    run = script(sandbox, "while True: print('x' * 1000)")
    assert run.ended == "output"
    assert len(run.stdout) < 4 << 20


def test_endless_errors_are_cut(sandbox: Sandbox):
    assert script(sandbox, "import sys\nwhile True: sys.stderr.write('x' * 1000)").ended == "output"


def test_the_environment_is_empty(sandbox: Sandbox):
    os.environ["DISTILRAY_TEST_SECRET"] = "hunter2"
    try:
        fresh = Sandbox(without=sandbox._without)
        program = """
import os, glob
print(dict(os.environ))
for path in glob.glob("/proc/*/environ"):
    try: print(open(path, "rb").read())
    except OSError: pass
"""
        run = script(fresh, program)
        fresh.close()
    finally:
        del os.environ["DISTILRAY_TEST_SECRET"]
    assert "hunter2" not in run.stdout
    assert "LANG" in run.stdout


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/1/status", str(Path(__file__).resolve()), str(Path.home())])
def test_files_outside_cannot_be_read(sandbox: Sandbox, path: str):
    needs(sandbox, "namespaces", "landlock")
    run = script(
        sandbox, f"import os\nprint(os.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r}).read())"
    )
    assert run.code == 1
    assert run.stdout == ""


def test_a_symbolic_link_leads_nowhere(sandbox: Sandbox):
    needs(sandbox, "namespaces", "landlock")
    run = script(sandbox, "import os\nos.symlink('/etc/passwd', 'here')\nprint(open('here').read())")
    assert run.code == 1


def test_files_outside_cannot_be_written(sandbox: Sandbox):
    needs(sandbox, "namespaces", "landlock")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        tries = [folder + "/planted", "/tmp/distilray-planted", sys.prefix + "/planted.pth", "/usr/lib/planted"]
        program = f"""
for path in {tries!r}:
    try:
        open(path, "w").write("x"); print("wrote", path)
    except OSError: pass
"""
        script(sandbox, program)
        assert not any(os.path.exists(path) for path in tries)


def test_there_is_no_network(sandbox: Sandbox):
    needs(sandbox, "namespaces", "seccomp")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = script(sandbox, f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nprint('connected')")
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert run.code == 1
    assert run.stdout == ""


def test_a_unix_socket_outside_is_out_of_reach(sandbox: Sandbox):
    needs(sandbox, "namespaces", "seccomp")
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        os.chmod(folder, 0o777)
        server.bind(folder + "/s")
        os.chmod(folder + "/s", 0o777)
        server.listen()
        run = script(sandbox, f"import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect({folder + '/s'!r})")
    assert run.code == 1


def test_it_cannot_kill_its_parents_or_anybody(sandbox: Sandbox):
    needs(sandbox, "namespaces", "seccomp")
    program = f"""
import os, signal
for pid in [os.getppid(), {os.getpid()}, 1, -1]:
    try:
        if pid != os.getpid(): os.kill(pid, signal.SIGKILL)
    except OSError: pass
print("tried")
"""
    before = sandbox._process.pid
    run = script(sandbox, program)
    assert run.ended in ("exit", "signal", "time")  # killing its own init ends it: its loss
    script(sandbox, "")
    assert sandbox._process.pid == before


def test_it_cannot_change_the_limits_of_others(sandbox: Sandbox):
    needs(sandbox, "namespaces", "seccomp")
    program = f"import resource\nresource.prlimit({os.getpid()}, resource.RLIMIT_NOFILE, (64, 64))\nprint('did')"
    assert script(sandbox, program).stdout == ""


def test_exhausting_memory_ends_the_program(sandbox: Sandbox):
    run = script(sandbox, "x = []\nwhile True: x.append(bytearray(1 << 24))")
    assert run.code == 1
    assert "MemoryError" in str(run.results)


def test_exhausting_memory_in_many_processes_is_noticed(sandbox: Sandbox):
    needs(sandbox, "count processes")
    program = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        x = bytearray(180 << 20)
        time.sleep(60)
time.sleep(60)
"""
    assert script(sandbox, program, Limits(wall_s=30.0, memory_mb=256)).ended == "memory"


def test_exhausting_disk_is_stopped(sandbox: Sandbox):
    program = """
import itertools
for n in itertools.count():
    with open(f"f{n}", "wb") as f: f.write(bytes(1 << 20))
"""
    run = script(sandbox, program)
    assert run.ended == "disk" or "No space left" in str(run.results)


def test_one_huge_file_is_stopped(sandbox: Sandbox):
    run = script(sandbox, "f = open('f', 'wb')\nwhile True: f.write(bytes(1 << 20))")
    assert run.ended != "time"
    assert run.code != 0


def test_catching_signals_does_not_help(sandbox: Sandbox):
    program = """
import signal
for n in range(1, 65):
    try: signal.signal(n, lambda *_: None)
    except (OSError, ValueError): pass
while True:
    try:
        while True: pass
    except BaseException: pass
"""
    started = time.monotonic()
    assert script(sandbox, program).ended == "time"
    assert time.monotonic() - started < 30


def test_sleeping_is_not_cpu_time_but_ends_as_well(sandbox: Sandbox):
    run = script(sandbox, "import time\ntime.sleep(60)", Limits(wall_s=1.0))
    assert run.ended == "time"


def test_daemons_end_with_the_program(sandbox: Sandbox):
    program = (
        NAMED.format("leftbehind")
        + """
import os, time
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
except OSError: pass
print("gone")
"""
    )
    run = script(sandbox, program)
    assert run.stdout == "gone\n"
    assert running_with("leftbehind") == []


def test_holding_stdout_open_does_not_delay_the_end(sandbox: Sandbox):
    program = "import os, time\ntry:\n    pid = os.fork()\nexcept OSError:\n    pid = 1\nif pid == 0: time.sleep(600)\n"
    started = time.monotonic()
    assert script(sandbox, program, Limits(wall_s=30.0)).ended == "exit"
    assert time.monotonic() - started < 20


def test_it_cannot_get_privileges_back(sandbox: Sandbox):
    program = """
import os
for act in (lambda: os.setuid(0), lambda: os.chroot("/"), lambda: os.mknod("dev", 0o60666, 2048)):
    try: act(); print("could")
    except OSError: pass
"""
    if sandbox.layers["user"] == "root":
        pytest.skip("runs as root without capabilities here: setuid(0) changes nothing")
    assert script(sandbox, program).stdout == ""


def test_deep_recursion_fails_the_program_only(sandbox: Sandbox):
    run = script(sandbox, "def f(n): return f(n + 1)\nf(0)")
    assert "RecursionError" in str(run.results)


def test_a_crash_of_the_interpreter_is_a_signal(sandbox: Sandbox):
    run = script(sandbox, "import ctypes\nctypes.string_at(0)")
    assert (run.ended, run.code) == ("signal", 128 + 11)


def test_closing_the_results_or_writing_nonsense_to_them_is_harmless(sandbox: Sandbox):
    run = script(sandbox, "import os\nos.write(3, b'[[[[{nonsense\\n17\\n')\nos.close(3)\nprint('ok')")
    assert run.stdout == "ok\n"
    assert run.results == []


def test_nothing_of_one_run_is_left_for_the_next(sandbox: Sandbox):
    script(sandbox, "open('left', 'w').write('x')")
    assert script(sandbox, "import os\nprint(os.listdir('.'))").stdout == "[]\n"


def test_a_sandbox_with_its_own_root_keeps_no_folder_on_disk(sandbox: Sandbox):
    needs(sandbox, "namespaces")
    assert sandbox._folder == ""


def test_protections_names_how_or_why_not():
    found = protections()
    assert found["memory, time, output and disk are bounded"]["in_place"] is True
    assert all(isinstance(how["how"], str) and how["how"] for how in found.values())
