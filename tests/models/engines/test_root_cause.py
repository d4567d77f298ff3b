"""The reason why an engine did not start is found in its log, among the tracebacks of all who waited for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.models.engines.root_cause import ENDS, MOST_BYTES, START, cause_of_death, explained, root_cause

CORE = "(EngineCore pid=812) ERROR 11-27 10:23:00 [core.py:1376] "
STDERR = "(EngineCore pid=812) "
FRONT = "ERROR 11-27 10:23:01 [async_llm.py:727] "
DEAD = (
    "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root "
    "cause."
)
HEAD = "RuntimeError: Unsupported CPU attention configuration: head_dim=16"
BEGUN = "INFO 11-27 10:22:58 [model.py:684] Resolved architecture: Qwen2ForCausalLM\n"


def traceback(prefix: str, *ends: str, said: str = "") -> str:
    """Tracebacks that end with ``ends``, or what stands between them, as a process with ``prefix`` writes them."""
    lines = [said] if said else []
    for end in ends:
        if end.endswith("exception:") or end.endswith("occurred:"):
            lines += ["", end, ""]
        else:
            lines += ["Traceback (most recent call last):", '  File "core.py", line 7, in run', "    self.step()", end]
    return "".join(f"{prefix}{line}\n" for line in lines)


CAUSED = "The above exception was the direct cause of the following exception:"
MEANWHILE = "During handling of the above exception, another exception occurred:"
DIED_AT_WORK = (
    START
    + traceback(CORE, HEAD, said="EngineCore encountered a fatal error.")
    + f"{STDERR}Process EngineCore:\n"
    + traceback(STDERR, HEAD)
    + traceback(FRONT, DEAD, said="AsyncLLM output_handler failed.")
)
FAILED = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (DIED_AT_WORK, HEAD),
        (BEGUN + traceback(CORE, "ValueError: no weights") + traceback("", FAILED), "ValueError: no weights"),
        (traceback(FRONT, DEAD) + traceback(CORE, HEAD), HEAD),
        (traceback(CORE, "OSError: gone", CAUSED, "ValueError: cannot load"), "OSError: gone"),
        (traceback(CORE, "KeyError: 'x'", MEANWHILE, "ValueError: no class X"), "ValueError: no class X"),
        (traceback(CORE, HEAD, MEANWHILE, DEAD), HEAD),
        (traceback(CORE, "torch.OutOfMemoryError: 80 GiB"), "OutOfMemoryError: 80 GiB"),
        (traceback(CORE, "AssertionError"), "AssertionError"),
        (traceback("", "OSError: gone", CAUSED, "ValueError: cannot load"), "OSError: gone"),
        (f"\x1b[1;36m(EngineCore pid=8)\x1b[0;0m {BEGUN}" + traceback("", "OSError: gone"), "OSError: gone"),
        (traceback(CORE.replace("ERROR", "WARNING"), "ImportError: no triton") + traceback(CORE, HEAD), HEAD),
        (
            "Exception ignored in: <function f at 0x7>\n" + traceback("", "OSError: closed") + traceback(CORE, HEAD),
            HEAD,
        ),
        (f"terminate called after an 'x'\n  what():  no memory\n{traceback('', FAILED)}", "no memory"),
        (
            f"{BEGUN}Fatal Python error: Aborted\n\nThread 0x7 (most recent call first):\n",
            "Fatal Python error: Aborted",
        ),
        (
            traceback("(Worker_TP0 pid=8) ERROR 11-27 10:23:00 [w.py:9] ", "RuntimeError: Connection closed by peer")
            + traceback("(Worker_TP1 pid=9) ERROR 11-27 10:23:01 [w.py:9] ", "ValueError: bad weights"),
            "ValueError: bad weights",
        ),
        (traceback(CORE, "RuntimeError: Connection closed by peer"), "RuntimeError: Connection closed by peer"),
        (f"{BEGUN}all is well\n", None),
        (traceback("", FAILED), None),
    ],
)
def test_the_first_cause_is_found(log: str, why: str | None) -> None:
    assert root_cause(log) == why


def test_a_message_of_several_lines_is_whole() -> None:
    lines = ["RuntimeError: Error(s) in loading state_dict:", "", "\tsize mismatch for lm_head: (64) and (96)."]
    first, *more = lines
    log = traceback(CORE, first) + "".join(f"{CORE}{line}\n" for line in more) + f"{STDERR}other\n{DEAD}\n"
    assert root_cause(log) == (
        "RuntimeError: Error(s) in loading state_dict: size mismatch for lm_head: (64) and (96)."
    )


def test_processes_that_write_at_once_are_told_apart() -> None:
    core, front = traceback(CORE, HEAD).splitlines(), traceback(FRONT, DEAD).splitlines()
    log = "\n".join(line for pair in zip(core, front, strict=True) for line in pair)
    assert root_cause(log) == HEAD


RECORDED = """\
(EngineCore pid=812) ERROR 11-27 11:04:45 [core.py:1376] EngineCore encountered a fatal error.
(EngineCore pid=812) ERROR 11-27 11:04:45 [core.py:1376] Traceback (most recent call last):
(EngineCore pid=812) ERROR 11-27 11:04:45 [core.py:1376]   File "vllm/v1/engine/core.py", line 1360, in run_engine_core
(EngineCore pid=812) ERROR 11-27 11:04:45 [core.py:1376]     engine_core.run_busy_loop()
(EngineCore pid=812) ERROR 11-27 11:04:45 [core.py:1376]   File "vllm/v1/fault_tolerance/engine_core_sentinel.py", line 179, in run_with_fault_tolerance
(EngineCore pid=812) ERROR 11-27 11:04:45 [core.py:1376] RuntimeError: Unsupported CPU attention configuration: head_dim=16 isa=2 kv_cache_idx=0
ERROR 11-27 11:04:45 [async_llm.py:819] AsyncLLM output_handler failed.
ERROR 11-27 11:04:45 [async_llm.py:819] Traceback (most recent call last):
ERROR 11-27 11:04:45 [async_llm.py:819]   File "vllm/v1/engine/async_llm.py", line 765, in output_handler
ERROR 11-27 11:04:45 [async_llm.py:819]     outputs = await engine_core.get_output_async()
ERROR 11-27 11:04:45 [async_llm.py:819]               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
ERROR 11-27 11:04:45 [async_llm.py:819] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
(EngineCore pid=812) Process EngineCore:
(EngineCore pid=812) Traceback (most recent call last):
(EngineCore pid=812) RuntimeError: Unsupported CPU attention configuration: head_dim=16 isa=2 kv_cache_idx=0
"""  # noqa: E501
"""vLLM 0.29 on a model whose heads are too small for it, with most frames left out."""


def test_a_recorded_log_names_its_cause() -> None:
    assert root_cause(RECORDED) == f"{HEAD} isa=2 kv_cache_idx=0"


class EngineDeadError(Exception):
    """Named as vLLM's."""


def test_only_what_was_written_since_the_start_explains_it(tmp_path: Path) -> None:
    log = tmp_path / "m-0.log"
    log.write_text(traceback(CORE, "ValueError: of an earlier start"))
    begins = log.stat().st_size
    with log.open("a") as file:
        file.write(DIED_AT_WORK)
    dead = EngineDeadError("EngineCore encountered an issue. See stack trace (above) for the root cause.")
    assert explained(dead, log, begins) == f"{HEAD} (log: {log})"
    assert explained(dead, tmp_path / "none.log") == f"EngineDeadError: {dead} (log: {tmp_path / 'none.log'})"
    assert explained(dead, None) == f"EngineDeadError: {dead}"


def test_an_error_of_the_process_itself_needs_no_log(tmp_path: Path) -> None:
    error = RuntimeError("could not load")
    error.__cause__ = ValueError("max_model_len 9,000\nis more than 1,024")
    assert explained(error, None) == "ValueError: max_model_len 9,000 is more than 1,024"
    assert explained(MemoryError(), None) == "MemoryError"


def test_an_engine_died_of_what_its_log_holds_since_its_last_start(tmp_path: Path) -> None:
    log, begun = tmp_path / "m-0.log", f"{START}m/0, process 7\n"
    of_another_run = begun + traceback(CORE, "ValueError: of an earlier start of the run")
    log.write_text(of_another_run)
    begins = log.stat().st_size
    assert cause_of_death(log, begins) is None  # ended before it wrote anything
    first, padding = begun + traceback(CORE, "OSError: of its first start"), f"{BEGUN}\n" * (MOST_BYTES // 60)
    log.write_text(of_another_run + first)
    assert cause_of_death(log, begins) == "OSError: of its first start"
    log.write_text(of_another_run + first + padding + begun + DIED_AT_WORK)
    assert cause_of_death(log, begins) == HEAD
    log.write_text(of_another_run + first + padding + begun + f"{BEGUN}all is well\n")
    assert cause_of_death(log, begins) is None  # killed
    assert cause_of_death(tmp_path / "on-another-machine.log") is None


def test_an_engine_that_ended_because_its_core_hung_says_so(tmp_path: Path) -> None:
    log = tmp_path / "m-0.log"
    log.write_text(f"{START}m/0, process 7\n{BEGUN}{ENDS}no token for 600 s, and 12 requests are unfinished\n")
    assert cause_of_death(log) == f"{ENDS}no token for 600 s, and 12 requests are unfinished"
