"""Models are evaluated on published benchmarks without a recipe: sharded, resumed, and with one table of results."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.driver import Event, evaluate_models
from distilray.evaluate import BenchmarkDataError, Published
from distilray.recipe import RecipeError
from tests.support.asked import FOIL, oracle, published, rows
from tests.support.oracle import OracleModel

pytestmark = pytest.mark.slow


def knowing(*benchmarks: Published) -> OracleModel:
    known = {}
    for benchmark in benchmarks:
        asked = rows(benchmark)
        known |= {row.instruction: right for row, right in zip(asked, oracle(benchmark.published, asked), strict=True)}
    return OracleModel(answers=known)


def test_an_oracle_and_a_foil_answer_several_benchmarks(ray_cluster: None, tmp_path: Path) -> None:
    benchmarks = [published("gsm8k", tmp_path), published("mmlu", tmp_path), published("ifeval", tmp_path)]
    models = {"oracle": knowing(*benchmarks), "foil": OracleModel(otherwise=FOIL)}
    found = evaluate_models(models, benchmarks, directory=str(tmp_path / "run"))
    assert [(one.benchmark, one.model) for one in found] == [
        (benchmark.published, model) for benchmark in benchmarks for model in models
    ]
    for one in found:
        assert next(iter(one.metrics.values())).value == (1.0 if one.model == "oracle" else 0.0)
        assert (one.missing, one.truncated) == (0, 0) and one.mean_output_tokens
    assert [one.questions for one in found if one.model == "foil"] == [2, 3, 2]


def test_the_same_evaluation_again_asks_nothing_and_a_further_model_alone_is_asked(
    ray_cluster: None, tmp_path: Path
) -> None:
    benchmark, stages = published("gsm8k", tmp_path), []

    def listen(event: Event) -> None:
        if event.kind == "progress":
            stages.append(event.stage)

    directory = str(tmp_path / "run")
    first = evaluate_models({"oracle": knowing(benchmark)}, [benchmark], directory=directory)
    again = evaluate_models({"oracle": knowing(benchmark)}, [benchmark], directory=directory, listen=listen)
    assert again == first and stages == []
    both = {"oracle": knowing(benchmark), "foil": OracleModel(otherwise=FOIL)}
    found = evaluate_models(both, [benchmark], directory=directory, listen=listen)
    assert [one.metrics["accuracy"].value for one in found] == [1.0, 0.0]
    assert found[0] == first[0]


def test_a_judge_answers_no_questions(ray_cluster: None, tmp_path: Path) -> None:
    benchmark = published("mt_bench", tmp_path)
    models = {
        "m": OracleModel(otherwise="An answer."),
        "judge": OracleModel(otherwise='{"explanation": "so so", "rating": 5}'),
    }
    [found] = evaluate_models(models, [benchmark], directory=str(tmp_path / "run"))
    assert (found.model, found.metrics["score"].value, found.questions) == ("m", 5.0, 4)


def test_what_cannot_be_evaluated_is_refused_before_anything_starts(tmp_path: Path) -> None:
    gsm8k = Published.model_validate({"published": "gsm8k", "data_dir": str(tmp_path)})
    with pytest.raises(BenchmarkDataError, match="no data set of GSM8K"):
        evaluate_models({"m": OracleModel()}, [gsm8k], directory=str(tmp_path / "run"))
    judged = published("mt_bench", tmp_path)
    with pytest.raises(RecipeError, match="the judge 'judge' is not defined"):
        evaluate_models({"m": OracleModel()}, [judged], directory=str(tmp_path / "run"))
