"""What transformers 4 reads stands in every checkpoint, and transformers 5 reads the same model as without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilray.checkpoints import make_portable
from tests.support.checkpoints import make_student

QWEN2_5 = {
    "architectures": ["Qwen2ForCausalLM"], "bos_token_id": 151643, "eos_token_id": 151645, "hidden_act": "silu",
    "hidden_size": 3584, "intermediate_size": 18944, "max_position_embeddings": 32768, "max_window_layers": 28,
    "model_type": "qwen2", "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4,
    "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 131072, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False, "vocab_size": 152064,
}  # fmt: skip
"""Qwen2.5-7B-Instruct's config.json."""

LLAMA_3_1 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip
YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}


def saved(published: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The config.json that transformers 5 writes of the published one, made portable."""
    from transformers import AutoConfig

    AutoConfig.for_model(**published).save_pretrained(folder)
    make_portable(folder)
    return json.loads((folder / "config.json").read_text("utf-8"))


def test_a_qwen2_5_keeps_all_that_its_published_config_says(tmp_path: Path) -> None:
    written = saved(QWEN2_5, tmp_path)
    # A window that is not used is written as none.
    assert {name: written[name] for name in QWEN2_5 if name != "sliding_window"} == {
        name: value for name, value in QWEN2_5.items() if name != "sliding_window"
    }
    assert written["rope_scaling"] is None
    assert (written["rope_parameters"], written["dtype"]) == (
        {"rope_theta": 1000000.0, "rope_type": "default"},
        "bfloat16",
    )


@pytest.mark.parametrize(
    ("published", "older"),
    [
        ({**QWEN2_5, "rope_scaling": YARN}, {"rope_theta": 1e6, "rope_scaling": {**YARN, "rope_type": "yarn"}}),
        ({"model_type": "qwen3", "rope_theta": 5e6}, {"rope_theta": 5e6, "rope_scaling": None}),
        (
            {"model_type": "llama", "rope_theta": 5e5, "rope_scaling": LLAMA_3_1},
            {"rope_theta": 5e5, "rope_scaling": {**LLAMA_3_1, "type": "llama3"}},
        ),
        (
            {"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2.0}},
            {"rope_theta": 1e4, "rope_scaling": {"type": "linear", "factor": 2.0}},
        ),
        ({"model_type": "glm", "partial_rotary_factor": 0.5}, {"partial_rotary_factor": 0.5, "rope_theta": 1e4}),
        (
            {"model_type": "gemma3_text", "rope_theta": 1e6, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
            {
                "rope_theta": 1e6,
                "rope_local_base_freq": 1e4,
                "rope_scaling": {"type": "linear", "factor": 8.0},
            },
        ),
        (
            {"model_type": "modernbert", "global_rope_theta": 2e5},
            {"global_rope_theta": 2e5, "local_rope_theta": 1e4},
        ),
    ],
    ids=["yarn", "qwen3", "llama3", "linear", "partial", "gemma3", "modernbert"],
)
def test_positions_are_written_in_the_older_names_too(
    published: dict[str, Any], older: dict[str, Any], tmp_path: Path
) -> None:
    from transformers import AutoConfig

    written = saved(published, tmp_path)
    assert {name: written[name] for name in older} == older
    read, made = AutoConfig.from_pretrained(tmp_path), AutoConfig.for_model(**published)
    assert _rope(read.rope_parameters) == _rope(made.rope_parameters)


def _rope(parameters: dict[str, Any]) -> dict[str, Any]:
    """Without the second name of the type, which says nothing more."""
    return {
        name: _rope(value) if isinstance(value, dict) else value for name, value in parameters.items() if name != "type"
    }


def test_a_model_without_rotary_positions_gets_none(tmp_path: Path) -> None:
    written = saved({"model_type": "bert"}, tmp_path)
    assert not {"rope_theta", "rope_scaling"} & set(written)


def test_the_parts_of_a_model_of_several_are_written_too(tmp_path: Path) -> None:
    written = saved({"model_type": "gemma3", "text_config": {"rope_theta": 1e6, "dtype": "bfloat16"}}, tmp_path)
    assert written["text_config"]["rope_theta"] == 1e6
    assert written["text_config"]["torch_dtype"] == "bfloat16"


def test_the_tokenizer_has_the_names_and_forms_of_older_readers_and_the_same_ids(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    make_student(tmp_path)
    file = tmp_path / "tokenizer_config.json"
    extra = {"extra_special_tokens": ["<|im_start|>"], "tokenizer_class": "TokenizersBackend"}
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **extra}))
    before = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).to_str()
    make_portable(tmp_path)
    config = json.loads(file.read_text("utf-8"))
    assert (config["tokenizer_class"], config["additional_special_tokens"]) == (
        "PreTrainedTokenizerFast",
        ["<|im_start|>"],
    )
    assert "extra_special_tokens" not in config
    merges = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))["model"]["merges"]
    assert merges
    assert all(isinstance(merge, str) for merge in merges)
    assert Tokenizer.from_file(str(tmp_path / "tokenizer.json")).to_str() == before
    template = (tmp_path / "chat_template.jinja").read_text("utf-8")
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template == template  # the one with marks, for trainers


@pytest.mark.parametrize("dash", ["", "-"])
def test_the_template_for_older_readers_writes_the_same_without_marks(dash: str, tmp_path: Path) -> None:
    from jinja2 import Environment

    template = (
        "{% for m in messages %}<|{{ m.role }}|>\n"
        f"{{%{dash} generation {dash}%}} \n{{{{ m.content }}}}<|end|> {{%{dash} endgeneration {dash}%}}\n"
        "{% endfor %}"
    )
    (tmp_path / "chat_template.jinja").write_text(template)
    (tmp_path / "tokenizer_config.json").write_text("{}")
    make_portable(tmp_path)
    plain = json.loads((tmp_path / "tokenizer_config.json").read_text())["chat_template"]
    with_marks = template.replace(" generation ", " if 1 ").replace(" endgeneration ", " endif ")
    jinja = Environment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert "generation" not in plain
    assert jinja.from_string(plain).render(messages=messages) == jinja.from_string(with_marks).render(messages=messages)
    assert (tmp_path / "chat_template.jinja").read_text() == template


def test_a_template_in_the_settings_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "own"}')
    (tmp_path / "chat_template.jinja").write_text("file")
    make_portable(tmp_path)
    assert (tmp_path / "tokenizer_config.json").read_text() == '{"chat_template": "own"}'


def test_merges_of_tokens_with_spaces_stay_pairs(tmp_path: Path) -> None:
    text = json.dumps({"model": {"type": "BPE", "merges": [["a b", "c"]]}})
    (tmp_path / "tokenizer.json").write_text(text)
    make_portable(tmp_path)
    assert (tmp_path / "tokenizer.json").read_text() == text


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    make_student(tmp_path)
    make_portable(tmp_path)
    names = ("config.json", "tokenizer_config.json", "tokenizer.json")
    once = {name: (tmp_path / name).read_bytes() for name in names}
    make_portable(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names} == once
