"""The page, the picture and the tables of a comparison, and what the run's own report shows of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from distilray.evaluate import Estimate, Result, compare_evaluations
from distilray.report import (
    comparison_record,
    comparisons_markdown,
    comparisons_svg,
    results_markdown,
    write_comparison,
    write_report,
)
from distilray.report.bars import Bar, Group, bars_svg
from distilray.report.page.changes import shown_comparisons
from distilray.report.page.results import benchmarks, results_picture
from distilray.report.score_text import difference_text, score_text
from distilray.storage import Store
from tests.report.test_page import Page
from tests.support.compared import STAMP, samples, two, write_lines
from tests.support.practice_run import write_practice_run

HOSTILE = "</script><img src=x onerror=alert(1)> & <b>bold</b>"


def result(model: str, value: float, benchmark: str = "sums", **more) -> Result:
    known = {"metric": "exact_match", "stderr": 0.02, "mean_output_tokens": 40.0, "questions": 300, "truncated": 0}
    return Result(model=model, benchmark=benchmark, value=value, **{**known, **more})


def test_the_page_shows_each_pair_word_by_word_and_holds_no_foreign_markup(tmp_path: Path):
    first, second = two(tmp_path, [0, 1], [1, 2])
    lines = [{**one, "response": f"{HOSTILE} {one['response']}", "input": HOSTILE} for one in samples([1, 2])]
    write_lines(Path(second), [{**one, "model": HOSTILE} for one in lines])
    out = write_comparison(compare_evaluations(first, second), tmp_path / "pages" / "changes.html")
    html = Page(Path(out).read_text("utf-8"))
    assert "lost" in html.text and "gained" in html.text and "What changed" in html.text
    assert "<del>0</del>" in html.html or "<del>It is 0" in html.html
    assert not any(tag in ("img", "b") and name.startswith("on") for tag, name, _ in html.attributes)
    assert not any(name.startswith("on") for _, name, _ in html.attributes) and "<b>bold</b>" not in html.html
    sources = [value for _, name, value in html.attributes if name in ("src", "href", "action")]
    assert all(value.startswith(("#", "data:")) for value in sources)
    assert html.html.count('<span class="en">') == html.html.count('<span class="zh" lang="zh">') > 10


def test_pairs_of_every_kind_are_shown_where_there_is_room_for_few(tmp_path: Path):
    first, second = two(tmp_path, [0, 1, 2, 3], [4, 5])
    records = [json.loads(line) for line in Path(second).read_text().splitlines()]
    write_lines(Path(second), [{**one, "response": one["response"] + " Yes."} for one in records])
    [comparison] = compare_evaluations(first, second)
    [shown] = shown_comparisons([comparison], 3 * 700)
    assert {pair.kind for pair in shown.pairs} == {"lost", "gained", "reworded"}
    assert shown.left_out == len(comparison.changes) - len(shown.pairs) > 0
    [whole] = shown_comparisons([comparison], 1_000_000)
    assert whole.left_out == 0


def test_the_markdown_table_and_json_say_the_same(tmp_path: Path):
    comparisons = compare_evaluations(*two(tmp_path, [0, 1, 2, 3], [1, 2, 3, 4, 5]))
    table = comparisons_markdown(comparisons)
    assert "| benchmark | metric | questions | small | large | difference | 95 % interval |" in table
    line = next(line for line in table.splitlines() if line.startswith("| sums"))
    assert "50.0 %" in line and "62.5 %" in line and "+12.5" in line and "paired by question" in table
    record = json.loads(json.dumps(comparison_record(comparisons[0])))
    assert record["metrics"]["exact_match"]["difference"]["value"] == 0.125
    assert len(record["metrics"]["exact_match"]["difference"]["interval"]) == 2
    assert (record["lost_questions"], record["gained_questions"]) == (["q0"], ["q4", "q5"])


def test_the_picture_is_well_formed_and_its_bars_are_as_long_as_the_scores(tmp_path: Path):
    root = ElementTree.fromstring(comparisons_svg(compare_evaluations(*two(tmp_path, [0, 1], [0, 1, 2, 3]))))
    widths = [float(node.get("width", 0)) for node in root.iter() if node.tag.endswith("rect")]
    whole, short, _, long = widths
    assert abs(short - whole / 4) < 0.1 and abs(long - whole / 2) < 0.1
    texts = [node.text or "" for node in root.iter() if node.tag.endswith("text")]
    assert texts[:2] == ["sums (exact_match)", "small"] and any(text.startswith("50.0 %") for text in texts)
    bar = Bar("<x> & a name that is far too long for it", 12.0, (-3.0, 99.0), "12")
    outside = ElementTree.fromstring(bars_svg([Group("<g>", 10.0, [bar])], "t"))
    assert max(float(node.get("width", 0)) for node in outside.iter() if node.tag.endswith("rect")) <= 720


def test_scores_are_written_on_their_scale():
    assert score_text(0.712, 0.0134) == "71.2 % ± 1.3" and score_text(8.314, 0.12, 10.0) == "8.31 ± 0.12"
    assert difference_text(0.138) == "+13.8" and difference_text(-0.5, 10.0) == "-0.50"
    assert score_text(float("nan"), None) == "–"


def test_all_results_of_a_run_are_one_table():
    results = [result("teacher", 0.883), result("student_after", 0.847), result("student_before", 0.013)]
    results.append(result("student_after", 8.31, "mt_bench", metric="score", highest=10.0, mean_output_tokens=None))
    lines = results_markdown(results).splitlines()
    assert lines[0] == "| benchmark | metric | questions | student_before | student_after | teacher |"
    assert lines[2].startswith("| sums | exact_match | 300 | 1.3 % ± 2.0 (40 tokens) | 84.7 % ± 2.0 (40 tokens) |")
    assert lines[3] == "| mt_bench | score | 300 | – | 8.31 ± 0.02 | – |"
    assert results_markdown([]) == ""


def test_several_benchmarks_make_a_picture_on_their_own_scales():
    records = [
        {"model": "m", "benchmark": name, "metric": "x", "value": value, "stderr": 0.0, "questions": 3,
         "highest": highest, "phrasings": []}
        for name, value, highest in (("sums", 0.5, 1.0), ("mt_bench", 5.0, 10.0))
    ]  # fmt: skip
    assert results_picture(benchmarks(records[:1])) is None
    picture = results_picture(benchmarks(records))
    assert picture is not None
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', picture)]
    assert widths[1] == widths[3] == widths[0] / 2


def test_the_report_pairs_before_and_after_where_the_answers_were_kept(tmp_path: Path):
    store = Store(tmp_path / "run")
    write_practice_run(store, units=1)
    for model, right in (("student_before", [0]), ("student_after", [1, 2, 3])):
        folder = Path(store.full(f"evaluations/{model}/held-out/results"))
        records = samples(right, model=model, benchmark="held-out")
        write_lines(folder / f"samples_held-out_{STAMP}.jsonl", records)
    html = Page(Path(write_report(store, tmp_path / "report.html")).read_text("utf-8"))
    assert "+25.0 points (95 % interval" in html.text and "paired over 8 questions" in html.text
    assert "8 questions in common: 3 gained, 1 lost" in html.text
    assert "| held-out | exact_match | 300 |" in html.text
    assert html.html.count('<details class="change lost">') == 1


def test_what_qualifies_a_result_stands_beside_it(tmp_path: Path):
    store = Store(tmp_path / "run")
    write_practice_run(store, units=1)
    phrasings = [Estimate(0.8, 0.02, 300), Estimate(0.6, 0.03, 300)]
    told = result("teacher", 0.7, "held-out", phrasings=phrasings, unparsed=17, metrics={
        "exact_match": Estimate(0.7, 0.02, 300), "pass@8": Estimate(0.91, 0.01, 300)})  # fmt: skip
    store.write_json("evaluations/teacher/held-out/result.json", told)
    text = Page(Path(write_report(store, tmp_path / "report.html")).read_text("utf-8")).text
    assert "teacher: between 60.0 % and 80.0 % in 2 phrasings" in text
    assert "pass@8 91.0\xa0%" in text and "17" in text
