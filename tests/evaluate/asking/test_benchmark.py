"""Published benchmarks as entries of a recipe: by name, with what they state themselves, written back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from distilray.evaluate import PUBLISHED, Benchmark, BenchmarkDataError, BenchmarkEntry, Published
from distilray.models import ClassifierModel, EchoModel, OpenAIModel, Sampling
from tests.support.asked import published
from tests.support.published_data import put

ENTRIES = TypeAdapter(list[BenchmarkEntry])


def read(text: str) -> list[Benchmark]:
    return ENTRIES.validate_python(yaml.safe_load(text))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_name_is_an_entry_and_is_written_back_as_its_kind(name: str):
    judge = ", judge: j" if PUBLISHED[name].judged else ""
    [entry] = read(f"- {{kind: {name}{judge}}}")
    assert isinstance(entry, Published)
    assert (entry.name, entry.published, entry.metric) == (name, name, PUBLISHED[name].metrics[0])
    asking = PUBLISHED[name].asking
    assert (entry.samples, entry.max_tokens, entry.temperature) == (
        asking.samples,
        asking.max_tokens,
        asking.temperature,
    )
    [document] = ENTRIES.dump_python([entry], mode="json", by_alias=True)
    assert document["kind"] == name and "published" not in document
    assert ENTRIES.validate_python(yaml.safe_load(yaml.safe_dump([document]))) == [entry]


def test_a_bare_name_may_be_written_otherwise_and_settings_overrule_what_is_stated():
    first, second = read("[MATH-500, {kind: aime_2024, samples: 4, max_tokens: 1024, name: aime, models: [teacher]}]")
    assert isinstance(first, Published) and first.published == "math_500"
    assert isinstance(second, Published) and (second.name, second.samples, second.max_tokens) == ("aime", 4, 1024)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("gsm9k", "there is no benchmark 'gsm9k'; the nearest is gsm8k"),
        ("{kind: gsm8k, judge: j}", "gsm8k is scored without one; remove `judge`"),
        ("mt_bench", "mt_bench is scored by a judge: give `judge`"),
        ("{kind: gsm8k, metric: f1}", "gsm8k has no metric 'f1'; it has accuracy"),
        ("{kind: gsm8k, source: {name: s, path: x}}", "extra_forbidden|Extra inputs"),
    ],
)
def test_what_cannot_be_asked_is_an_error_with_the_remedy(entry: str, text: str):
    with pytest.raises(ValidationError, match=text):
        read(f"- {entry}")


def test_a_model_is_asked_with_the_benchmarks_own_limit_and_temperature(tmp_path: Path):
    model = OpenAIModel(base_url="http://h/v1", model="m", sampling=Sampling(max_tokens=64, temperature=0.3, top_p=0.9))
    gsm8k, aime = published("gsm8k", tmp_path), published("aime_2024", tmp_path)
    asked = gsm8k.asked_of(model)
    assert isinstance(asked, OpenAIModel)
    assert asked.sampling == model.sampling.overridden(max_tokens=gsm8k.max_tokens)
    asked = aime.asked_of(model)
    assert isinstance(asked, OpenAIModel)
    assert asked.sampling == Sampling(max_tokens=aime.max_tokens, temperature=0.6, top_p=0.9)
    assert gsm8k.asked_of(classifier := ClassifierModel(path="c")) is classifier
    assert isinstance(gsm8k.asked_of(EchoModel()), EchoModel)


def test_questions_are_known_by_what_is_in_their_files_and_not_by_where_they_lie(tmp_path: Path):
    here, there = published("gsm8k", tmp_path / "here"), published("gsm8k", tmp_path / "there")
    assert here.questions_id() == there.questions_id()
    other = {"question": "What is 1 + 1?", "answer": "#### 2"}
    put(tmp_path / "there" / "data", {"gsm8k/test.jsonl": [other]})
    assert here.questions_id() != there.questions_id()


def test_large_questions_come_in_small_units(tmp_path: Path):
    assert published("livecodebench_v2", tmp_path).unit_rows(256) == 16
    assert published("gsm8k", tmp_path).unit_rows(256) == 256
    assert published("livecodebench_v2", tmp_path).unit_rows(8) == 8


def test_a_missing_data_set_says_what_to_put_where(tmp_path: Path):
    for name in PUBLISHED:
        judge = {"judge": "j"} if PUBLISHED[name].judged else {}
        empty = Published.model_validate({"published": name, "data_dir": str(tmp_path), **judge})
        with pytest.raises(BenchmarkDataError) as raised:
            empty.questions_id()
        layout = PUBLISHED[name]().asker().layout
        assert layout.source in str(raised.value) and f"{name}/{layout.files[0][0]}" in str(raised.value)
        assert layout.hub is not None and layout.hub.repository in str(raised.value)
