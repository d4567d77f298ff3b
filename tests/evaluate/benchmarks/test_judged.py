"""Benchmarks that a judge scores, from recorded judgments: AlpacaEval's annotations, MT-Bench's ratings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilray.evaluate import Evaluation, evaluate_recorded
from distilray.evaluate.benchmarks.length_control import controlled_win_rate
from distilray.evaluate.benchmarks.mt_bench import rating_in
from tests.support.command_line import distilray
from tests.support.published_data import lines


def annotation(place: int, preference: float | None, model: str = "ours") -> dict[str, Any]:
    return {
        "instruction": f"Instruction {place} of our own.",
        "output_1": "The baseline's.",
        "generator_1": "baseline",
        "output_2": f"Ours {place}.",
        "generator_2": model,
        "annotator": "weighted_alpaca_eval_gpt4_turbo",
        "preference": preference,
    }


def annotations(path: Path, records: list[dict[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records), encoding="utf-8")
    return str(path)


def judged(path: str) -> Evaluation:
    [found] = evaluate_recorded("alpaca_eval", path)
    return found


def test_a_preference_is_a_win_of_its_share(tmp_path: Path):
    path = tmp_path / "annotations.json"
    assert judged(annotations(path, [annotation(k, 2) for k in range(4)])).metrics["win_rate"].value == 100.0
    assert judged(annotations(path, [annotation(k, 1) for k in range(4)])).metrics["win_rate"].value == 0.0
    mixed = judged(annotations(path, [annotation(k, p) for k, p in enumerate([1.2, 1.9, 0, 1.5, None])]))
    assert mixed.metrics["win_rate"].value == pytest.approx(100 * (0.2 + 0.9 + 0.5 + 0.5) / 4)
    assert mixed.metrics["discrete_win_rate"].value == 50.0
    assert mixed.unparsed == 1


def test_model_outputs_are_scored_by_the_annotations_beside_them(tmp_path: Path):
    records = [annotation(k, 2) for k in range(3)]
    outputs = [{"instruction": one["instruction"], "output": one["output_2"], "generator": "ours"} for one in records]
    path = annotations(tmp_path / "ours" / "model_outputs.json", outputs)
    ended = distilray("evaluate", "alpaca_eval", "--responses", path)
    assert ended.code == 2 and "without a judgment" in ended.err and "annotations.json" in ended.err
    annotations(tmp_path / "ours" / "weighted_alpaca_eval_gpt4_turbo" / "annotations.json", records)
    assert judged(path).metrics["win_rate"].value == 100.0
    annotations(tmp_path / "ours" / "model_outputs.json", [{**outputs[0], "output": "Another."}, *outputs[1:]])
    assert "1 annotation judge other texts than these responses" in judged(path).notes


def rating(number: int, turn: int, text: str, **more: Any) -> dict[str, Any]:
    judge = ["gpt-4", "single-v1" if turn == 1 else "single-v1-multi-turn"]
    return {"question_id": number, "model": "m", "judge": judge, "turn": turn, "judgment": text, **more}


def test_ratings_are_read_from_the_judgments(tmp_path: Path):
    records = [rating(81, 1, "Good. Rating: [[8]]", score=8), rating(81, 2, "Rating: [[6.5]]", score=6.5)]
    records += [rating(91, 1, "No rating.", score=-1), rating(91, 1, "Rating: [[9]]", score=7)]
    [found] = evaluate_recorded("mt_bench", lines(tmp_path / "gpt-4_single.jsonl", records))
    values = {name: one.value for name, one in found.metrics.items()}
    assert values["score"] == pytest.approx((8 + 6.5 + 9) / 3)
    assert (values["first_turn"], values["second_turn"]) == (8.5, 6.5)
    assert {name: one.value for name, one in found.subsets.items()} == {"roleplay": 9.0, "writing": 7.25}
    assert (found.unparsed, found.doubled, found.missing) == (1, 1, 157)
    assert found.notes == ["recorded scores that differ from the ratings in their judgments: 1"]
    lines(tmp_path / "gpt-4_single.jsonl", [rating(81, 1, "[[8]]"), rating(81, 1, "[[6]]"), rating(82, 1, "[[7]]")])
    [found] = evaluate_recorded("mt_bench", str(tmp_path / "gpt-4_single.jsonl"))
    assert found.notes == ["1 turn judged more than once: the same rating 0%, 2.00 points apart on average"]


def test_a_rating_is_in_double_brackets_or_else_in_single_ones():
    assert rating_in("see [1]; Rating: [[7.5]]") == 7.5
    assert rating_in("Rating: [7]") == 7.0
    assert rating_in("seven") == -1


def test_answers_are_scored_by_the_judgments_in_the_projects_folders(tmp_path: Path):
    answers = [{"question_id": 81, "model_id": "m", "choices": [{"index": 0, "turns": ["a", "b"]}], "tstamp": 1.0}]
    path = lines(tmp_path / "model_answer" / "m.jsonl", answers)
    ended = distilray("evaluate", "mt_bench", "--responses", path)
    assert ended.code == 2 and "without a judgment" in ended.err
    lines(tmp_path / "model_judgment" / "gpt-4_single.jsonl", [rating(81, 1, "[[4]]"), rating(81, 2, "[[2]]")])
    [found] = evaluate_recorded("mt_bench", path)
    assert found.metrics["score"].value == 3.0


def test_length_control_takes_the_advantage_of_length_away(tmp_path: Path):
    """Preferences that length alone explains: at equal lengths there is nothing left to prefer."""
    places = list(range(400))
    shorter = [(-400 if place % 4 else 400) for place in places]  # three of four responses are longer
    wins = [0.8 if less < 0 else 0.2 for less in shorter]
    (tmp_path / "instruction_difficulty.csv").write_text(
        "index,instruction_difficulty\n" + "".join(f"{place},{(place % 7 - 3) / 9}\n" for place in places)
    )
    even = "".join(f"m,{0.5},{place},0.0,{(place % 7 - 3) / 9},False\n" for place in places)
    header = "model,preference,index,std_delta_len,instruction_difficulty,not_gamed_baseline\n"
    (tmp_path / "df_gamed.csv").write_text(header + even)
    found, lack = controlled_win_rate(wins, shorter, places, str(tmp_path))
    assert not lack and found is not None
    assert sum(wins) / len(wins) == pytest.approx(0.65)
    assert found.value == pytest.approx(50.0, abs=3.0)
    (tmp_path / "df_gamed.csv").unlink()
    assert controlled_win_rate(wins, shorter, places, str(tmp_path))[1].startswith(
        "no length-controlled win rate: put df_"
    )
