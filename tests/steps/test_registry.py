"""Steps by name, at the front door, and those that users bring."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from distilray import steps
from distilray.steps import STEPS, GlobalStep, Step, step_class

BROUGHT = "from distilray.steps import Step\n\nclass Shout(Step):\n    pass\n\nnumber = 5\n"


@pytest.mark.parametrize("name", STEPS)
def test_every_step_has_a_file_of_its_name_and_stands_at_the_front_door(name: str) -> None:
    cls = STEPS[name]
    assert Path(inspect.getfile(cls)).stem == name
    assert getattr(steps, cls.__name__) is cls
    assert cls.__name__ == name.title().replace("_", "")


@pytest.mark.parametrize("name", STEPS)
def test_every_setting_says_what_it_does(name: str) -> None:
    plain = {"model", "judge", "rewriter"}  # whose names say it
    fields = STEPS[name].model_fields.items()
    assert [field for field, info in fields if not info.description and field not in plain] == []


def test_steps_load_neither_torch_nor_ray() -> None:
    program = (
        "import sys\nfrom distilray.steps import STEPS, Answer\n"
        "assert not {'torch', 'ray', 'vllm', 'transformers', 'sympy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_users_step_is_found_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brought_step.py").write_text(BROUGHT)
    monkeypatch.syspath_prepend(str(tmp_path))
    cls = step_class("brought_step:Shout")
    assert issubclass(cls, Step)
    with pytest.raises(TypeError, match=r"brought_step:number is 5, not a subclass of distilray\.steps\.Step"):
        step_class("brought_step:number")
    with pytest.raises(ImportError, match="module brought_step has no Whisper"):
        step_class("brought_step:Whisper")
    with pytest.raises(ImportError, match="not of the form package.module:name"):
        step_class("brought_step")


def test_a_step_without_its_method_says_which() -> None:
    class Idle(GlobalStep):
        pass

    with pytest.raises(NotImplementedError, match="Idle does not implement decide"):
        Idle().decide(None)  # type: ignore[arg-type]
