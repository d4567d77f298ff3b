"""The step that asks published benchmarks: an oracle scores 1 and a foil 0, on data sets in the published formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.evaluate import PUBLISHED, PublishedStep
from distilray.models import Reply
from distilray.rows import Row
from tests.support.asked import FOIL, oracle, published, rows, scores
from tests.support.planted import go
from tests.support.published_data import ASKED, SAMPLES


def test_every_benchmark_can_be_asked():
    assert ASKED.keys() == PUBLISHED.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_an_oracle_scores_one_and_a_foil_nothing(name: str, tmp_path: Path):
    benchmark = published(name, tmp_path, samples=1)
    step, asked = benchmark.step("m", "plain"), rows(benchmark)
    assert len(asked) == len(oracle(name, asked))
    for k, (row, right) in enumerate(zip(asked, oracle(name, asked), strict=True)):
        [one] = scores(tmp_path / f"right-{k}", step, row, m=[right])
        [other] = scores(tmp_path / f"wrong-{k}", step, row, m=[FOIL])
        for metric in PUBLISHED[name].metrics:
            assert one.score.values[metric] == one.score.weights.get(metric, 1.0), (one.score, row)
            assert other.score.values[metric] == 0.0, (other.score, row)
        assert one.score.parsed and not one.truncated


@pytest.mark.parametrize("name", ["gsm8k", "mmlu_pro", "gpqa_diamond"])
def test_thoughts_before_the_answer_do_not_count(name: str, tmp_path: Path):
    benchmark = published(name, tmp_path)
    row = rows(benchmark)[0]
    [right] = oracle(name, [row])
    step = benchmark.step("m", "plain")
    [one] = scores(
        tmp_path / "a", step, row, m=[f"<think>\n{FOIL} The answer is (J). \\boxed{{99}}\n</think>\n\n{right}"]
    )
    assert one.score.values["accuracy"] == 1.0
    [cut] = scores(tmp_path / "b", step, row, m=[Reply(f"<think>\n{right}", "length", 10, 64)])
    assert cut.truncated and cut.score.values["accuracy"] == 0.0


def test_what_is_kept_of_a_row(tmp_path: Path):
    benchmark = published("gsm8k", tmp_path, samples=2)
    row = rows(benchmark)[0]
    replies = [Reply("\\boxed{7}", "stop", 10, 4), Reply("so 8 or", "length", 0, 64)]
    outcome, engine = go(tmp_path, benchmark.step("m", "plain"), row, m=replies)
    kept = outcome.columns
    assert (kept["correct"], kept["correct_share"], kept["truncated"]) == ([1.0, 0.0], 0.5, 1)
    assert (kept["answer_tokens"], kept["tokens"], kept["finish"]) == (34.0, [4, 64], ["stop", "length"])
    assert json.loads(kept["benchmark_question"])["text"].startswith("Ann has 3 pens")
    assert json.loads(kept["benchmark_question"])["record"] == {}
    assert [request.n for _, request in engine.asked] == [2]
    assert set(kept) == set(PublishedStep.writes)


def prompt_of(name: str, tmp_path: Path) -> str:
    return rows(published(name, tmp_path))[0].instruction


def test_questions_are_asked_in_their_published_form(tmp_path: Path):
    """The texts are the data set's own, unchanged; what a reply has to look like is said in our words."""
    assert prompt_of("ifeval", tmp_path) == "Say something without commas, in at least 3 words."
    assert prompt_of("alpaca_eval", tmp_path) == "Instruction 0 of our own."
    options = "Which colour has the sky?\n\nA. red\nB. blue\nC. green\nD. grey\n\n"
    assert prompt_of("mmlu", tmp_path).startswith(options)
    assert "答案" in prompt_of("ceval", tmp_path) and "A. 红\nB. 蓝" in prompt_of("cmmlu", tmp_path)
    assert "\\boxed{}" in prompt_of("math_500", tmp_path) and "\\boxed{}" in prompt_of("aime_2024", tmp_path)
    assert '```python\ndef double(n):\n    """Twice n."""\n```' in prompt_of("humaneval", tmp_path)
    assert "assert square(3) == 9" in prompt_of("mbpp", tmp_path)
    assert "standard input" in prompt_of("livecodebench_v2", tmp_path)
    shown = prompt_of("gpqa_diamond", tmp_path)
    assert all(f"\n{letter}. 10^-" in shown for letter in "ABCD")
    assert "N/A" not in prompt_of("mmlu_pro", tmp_path)


def test_a_second_turn_follows_the_answer_to_the_first_without_its_thoughts(tmp_path: Path):
    benchmark = published("mt_bench", tmp_path)
    row = rows(benchmark)[0]
    ratings = [json.dumps({"explanation": "short", "rating": points}) for points in (8, 5)]
    step = benchmark.step("m", "plain")
    outcome, engine = go(tmp_path, step, row, m=["<think>hm</think>Rain falls.", "Snow too."], judge=ratings)
    first, second = [request.messages for name, request in engine.asked if name == "m"]
    assert [turn["content"] for turn in first] == ["Write a line about rain."]
    assert [turn["content"] for turn in second] == ["Write a line about rain.", "Rain falls.", "Now about snow."]
    assert outcome.columns["correct"] == [8.0, 5.0]
    assert outcome.columns["phrasing_shares"] == [], "turns are no phrasings"
    assert outcome.columns["answers"] == ["<think>hm</think>Rain falls.", "Snow too."]


def test_a_judges_verdicts_are_scored_as_recorded_ones(tmp_path: Path):
    benchmark = published("mt_bench", tmp_path)
    step, row = benchmark.step("m", "plain"), rows(benchmark)[1]
    verdicts = [json.dumps({"explanation": "right", "rating": 9}), "I would say nine.", "nine", "9", "nine!"]
    found = scores(tmp_path, step, row, m=["12", "24"], judge=verdicts)
    assert [one.question.id for one in found] == ["111/1", "111/2"]
    assert {one.question.cluster for one in found} == {"111"}
    assert found[0].score.values == {"score": 9.0, "first_turn": 9.0}
    assert (found[1].score.parsed, found[1].score.values) == (False, {})


def test_a_better_answer_wins_wherever_it_is_shown(tmp_path: Path):
    benchmark = published("alpaca_eval", tmp_path)
    step = benchmark.step("m", "plain")
    places = set()

    def judge_for(marker: str):
        def judge(shown: str) -> str:
            _, _, rest = shown.partition("## Answer A\n")
            first, _, _ = rest.partition("## Answer B")
            places.add(marker in first)
            return json.dumps({"explanation": "it is ours", "better": "A" if marker in first else "B"})

        return judge

    for k, row in enumerate(rows(benchmark)):
        [won] = scores(tmp_path / f"won-{k}", step, row, m=["MINE"], judge=judge_for("MINE"))
        [lost] = scores(tmp_path / f"lost-{k}", step, row, m=["MINE"], judge=judge_for("The baseline's"))
        assert (won.score.values["win_rate"], lost.score.values["win_rate"]) == (100.0, 0.0)
        assert won.response.record["output_2"] == "MINE"
    assert places == {True, False}


def test_a_row_of_a_question_keeps_its_place_and_its_seed(tmp_path: Path):
    """Ids go by the place in the data set, so that a data set that lies elsewhere gets the same replies."""
    here, there = (rows(published("gsm8k", tmp_path / folder)) for folder in ("here", "there"))
    assert [row.id for row in here] == [row.id for row in there]
    assert len({row.id for row in here}) == len(here) and isinstance(here[0], Row)


def test_a_question_is_asked_in_several_phrasings_and_scored_under_each(tmp_path: Path):
    benchmark = published("gsm8k", tmp_path, phrasings=["{question}", "Q: {question}\nA:"])
    row = rows(benchmark)[0]
    outcome, engine = go(tmp_path, benchmark.step("m", "plain"), row, m=["\\boxed{7}", "\\boxed{8}"])
    assert engine.questions("m") == [row.instruction, f"Q: {row.instruction}\nA:"]
    assert (outcome.columns["phrasing_shares"], outcome.columns["correct"]) == ([1.0, 0.0], [1.0, 0.0])
    plain, _ = go(tmp_path / "plain", published("gsm8k", tmp_path / "p").step("m", "plain"), row, m=["7"])
    assert plain.columns["phrasing_shares"] == []
