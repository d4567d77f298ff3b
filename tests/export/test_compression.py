"""A student in fewer bits: by the real llm-compressor, in its own environment (`make setup-compress`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.export.compression import compress, compressor_python
from distilray.train import CannotTrain
from tests.support.checkpoints import make_student, make_tokenizer
from tests.support.tiny import rows


def token_rows() -> list[list[int]]:
    tokenizer = make_tokenizer()
    return [tokenizer(row["messages"][0]["content"] + row["answer"])["input_ids"] for row in rows(8)]


@pytest.fixture
def compressor(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        compressor_python()
    except CannotTrain as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("scheme", "bits", "kind"), [("int8", 8, "int"), ("fp8", 8, "float"), ("int4", 4, "int")])
def test_the_layers_are_quantised_and_the_tokenizer_stays(
    scheme: str, bits: int, kind: str, compressor: None, tmp_path: Path
) -> None:
    student = Path(make_student(tmp_path / "student", hidden=128))
    out = tmp_path / "out"
    compress(str(student), token_rows(), scheme, str(out))  # type: ignore[arg-type]
    config = json.loads((out / "config.json").read_text())["quantization_config"]
    (group,) = config["config_groups"].values()
    assert (group["weights"]["num_bits"], group["weights"]["type"]) == (bits, kind)
    assert config["quant_method"] == "compressed-tensors"
    assert (out / "tokenizer.json").read_bytes() == (student / "tokenizer.json").read_bytes()
    assert (out / "model.safetensors").stat().st_size < 0.6 * (student / "model.safetensors").stat().st_size


def test_groups_that_do_not_divide_the_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setenv("DISTILRAY_COMPRESS_PYTHON", sys.executable)
    for sizes, named in (
        ({"hidden_size": 96}, "hidden_size 96"),
        ({"intermediate_size": 192}, "intermediate_size 192"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 128, "intermediate_size": 256, **sizes}))
        with pytest.raises(CannotTrain, match=f"groups of 128 weights, {named}"):
            compress(str(tmp_path), [[1, 2]], "int4", str(tmp_path / "out"))


def test_nothing_to_calibrate_on_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setenv("DISTILRAY_COMPRESS_PYTHON", sys.executable)
    (tmp_path / "config.json").write_text('{"hidden_size": 128}')
    with pytest.raises(CannotTrain, match="no rows to calibrate int8 on"):
        compress(str(tmp_path), [], "int8", str(tmp_path / "out"))
