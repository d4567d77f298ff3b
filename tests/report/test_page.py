"""The page about a run: everything that the ledger knows, in one file that runs nothing but its own script."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from distilray.ledger import Manifest, StepCounts, UnitCounts, write_unit
from distilray.report.page.agreement import agreement
from distilray.report.page.curves import curve
from distilray.report.page.flow import FULL, flow
from distilray.report.page.page import write_report
from distilray.rows import schema_with
from distilray.storage import Store
from distilray.train.methods.classify.scores import scores
from tests.support.practice_run import PHASE, RECIPE, SELECT, SOURCES, write_practice_run

VOID = {"meta", "link", "input", "br"}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """A page taken apart; raises where an element is not closed, or another one is."""

    def __init__(self, html):
        super().__init__()
        self.html, self.open, self.attributes, self.words = html, [], [], []
        self.scripts, self.ids = [], []
        self.feed(html)
        self.close()
        assert not self.open, f"left open: {self.open}"
        self.data = json.loads(self.scripts[1]) if len(self.scripts) > 1 else None
        self.text = re.sub(r"[ \n]+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.words.append(data)


def page(store, tmp_path):
    path = write_report(store, tmp_path / "report.html")
    return Page(open(path, encoding="utf-8").read())


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """(rows of the phase, the page) of the practice run."""
    folder = tmp_path_factory.mktemp("practice")
    store = Store(folder / "run")
    rows = write_practice_run(store)
    return rows, page(store, folder)


def test_it_is_well_formed_and_its_links_lead_somewhere(practice):
    _, html = practice
    assert len(html.ids) == len(set(html.ids))
    links = {value[1:] for tag, name, value in html.attributes if name == "href" and value.startswith("#")}
    assert links and links <= set(html.ids)
    described = {value for _, name, value in html.attributes if name in ("aria-labelledby", "for")}
    assert described <= set(html.ids)


def test_nothing_comes_from_elsewhere(practice):
    _, html = practice
    sources = [value for _, name, value in html.attributes if name in ("src", "href", "srcset", "action", "data")]
    assert all(value.startswith(("#", "data:")) for value in sources)
    assert "@import" not in html.html and "url(" not in html.html


def test_the_counts_of_every_step_are_told(practice):
    rows, html = practice
    wrong = sum(row["reason"] == "wrong answer" for row in rows)
    low = sum(row["outcome"] == "kept" and row["score"] < 7 for row in rows)
    last = sum(row["outcome"] == "kept" for row in rows) - low
    assert wrong and low
    for told in (
        "384 in",
        f"{wrong} rejected",
        "wrong answer",
        "score below 7",
        f"{low} rejected",
        f"{last} rows at the end",
    ):
        assert told in html.text, told


def test_results_come_with_their_errors_and_tokens(practice):
    _, html = practice
    for told in ("84.7\xa0%", "± 2.1\xa0%", "51.2", "1.3\xa0% before training", "+83.4 ± 2.2 points"):
        assert told in html.text, told


def test_training_scores_recipe_and_record_are_there(practice):
    rows, html = practice
    accuracies = [row["accuracy"] for row in rows if "accuracy" in row]
    mean = f"{sum(accuracies) / len(accuracies):.4g}"
    for told in ("Loss over 800 steps", "accuracy", mean, "fsdp2", "at_least:", "c1d2e3f4a5b69788", "2.60.0"):
        assert told in html.text, told


def test_what_a_preference_training_measured_is_drawn(tmp_path):
    store = Store(tmp_path / "run")
    records = [
        {"step": k, "loss": 0.7 / k, "accuracy": 0.5 + k / 40, "margin": k - 4, "reward_chosen": 0.1 * k,
         "reward_rejected": -0.2 * k, "kl": 0.01 * k, "chosen_tokens": 40.0, "rejected_tokens": 50.0}
        for k in range(1, 11)
    ]  # fmt: skip
    store.write("training/dpo/metrics.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode())
    Manifest(name="dpo", kind="training", fingerprint="t").write(store, "training/dpo")
    store.write_json("training/dpo/warnings.json", ["the reference ranks 99.0% of 300 pairs right"])
    html = page(store, tmp_path)
    assert "Warning: 注意： the reference ranks 99.0% of 300 pairs right" in html.text
    assert html.html.count('class="plot small"') == 5  # rewards together, lengths together
    words = (
        "pairs ordered correctly 排序正确的偏好对 0.75",
        "奖励差 6",
        "奖励（选中） 1",
        "（落选） -2",
        "（选中） 40",
    )
    for told in words:
        assert told in html.text, told
    assert "top:66.67%" in html.html  # margins from -3 to 6: their 0 is not at the bottom


def test_what_a_classifier_got_right_is_a_table_of_its_labels(tmp_path):
    store = Store(tmp_path / "run")
    measured = scores(np.array([[1234, 2], [0, 10]]), ["code", "<b>maths</b>"])
    records = [{"step": k, "loss": 1 / k, "held_out_accuracy": 0.9, "held_out_macro_f1": 0.8} for k in (1, 2)]
    store.write("training/tasks/metrics.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode())
    Manifest(name="tasks", kind="training", fingerprint="t", details={"held_out": measured}).write(
        store, "training/tasks"
    )
    html = page(store, tmp_path)
    for told in ("99.8\xa0% ± 0.1\xa0%", "macro F1 0.954", "1,234", "correct labels, held out 留出集标签正确率 0.9"):
        assert told in html.text, told
    assert "<b>maths</b>" not in html.html


def test_places_in_a_ranking_have_no_histogram(practice):
    _, html = practice
    assert "<b>score</b>" in html.html and "<b>rank</b>" not in html.html


def test_every_word_is_there_in_both_languages(practice):
    _, html = practice
    assert html.html.count('<span class="en">') == html.html.count('<span class="zh" lang="zh">') > 100
    assert "样本的去向" in html.text
    assert html.data["strings"]["en"].keys() == html.data["strings"]["zh"].keys()


def test_rows_of_every_step_and_outcome_are_shown_with_their_history(practice):
    _, html = practice
    labels, shown = html.data["labels"], html.data["rows"]
    seen = {(labels[at], outcome) for row in shown for at, outcome, _ in row["at"]}
    assert seen >= {
        ("sources", "kept"), ("answer", "kept"), ("answer", "rejected"), ("judge", "failed"), ("check", "kept"),
        ("check", "rejected"), ("select", "kept"), ("select", "rejected"),
    }  # fmt: skip
    failed = next(row for row in shown if any(outcome == "failed" for _, outcome, _ in row["at"]))
    assert [entry[:3] for entry in failed["history"]] == [
        ["answer", "kept", ""],
        ["judge", "failed", "reply does not parse"],
    ]
    assert {row["language"] for row in shown} == {"en", "zh"}


def test_the_sample_does_not_depend_on_how_the_rows_are_sharded(tmp_path):
    pages = []
    for units, unit_rows in ((2, 60), (6, 20)):
        store = Store(tmp_path / f"{units}")
        write_practice_run(store, units, unit_rows)
        pages.append(page(store, tmp_path).data["rows"])
    assert pages[0] == pages[1]


def test_hostile_texts_stay_texts(tmp_path):
    store = Store(tmp_path / "run")
    schema = schema_with({"note": "string"})
    row = {"id": HOSTILE, "language": HOSTILE, "messages": [{"role": HOSTILE, "content": HOSTILE}], "answer": HOSTILE}
    row |= {"note": HOSTILE, "outcome": "rejected", "stopped_at": "check", "reason": HOSTILE}
    row["history"] = [{"step": "check", "outcome": "rejected", "reason": HOSTILE}]
    step = StepCounts("check", rows_in=1)
    step.count("rejected", HOSTILE)
    manifest = Manifest(name=HOSTILE, kind="phase", fingerprint=HOSTILE, finished="2026-11-22T07:34:10+00:00")
    manifest.add(UnitCounts([step], {HOSTILE: {"requests": 1, "tokens_out": 3}}, HOSTILE))
    manifest.write(store, "steps/01-check")
    write_unit(store, "steps/01-check/unit-000000.parquet", [row], schema, UnitCounts([step]))
    store.write("recipe.yaml", f"name: {HOSTILE!r}\n".encode())
    store.write_json("run.json", {"name": HOSTILE, "state": "finished", "versions": {HOSTILE: HOSTILE}})
    html = page(store, tmp_path)
    assert len(html.scripts) == 3
    assert not any(tag == "img" or name.startswith("on") for tag, name, _ in html.attributes)
    assert html.data["rows"][0]["texts"][0] == [HOSTILE, HOSTILE, 0]
    assert "innerHTML" not in html.scripts[2] and "insertAdjacentHTML" not in html.scripts[2]


def test_the_browser_is_told_to_run_no_other_script(practice):
    _, html = practice
    policy = next(
        value for tag, name, value in html.attributes if name == "content" and value.startswith("default-src")
    )
    assert "default-src 'none'" in policy and policy.count("'sha256-") == 2
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_a_run_of_a_million_rows_is_a_small_page(tmp_path):
    store = Store(tmp_path / "run")
    manifests = {
        SOURCES: Manifest(name="00-sources", kind="sources", fingerprint="a"),
        PHASE: Manifest(name="01-phase", kind="phase", fingerprint="b"),
        SELECT: Manifest(name="02-select", kind="global", fingerprint="c"),
    }
    rows_in = 1_000_000
    for folder, manifest in manifests.items():
        for name in ("one", "two", "three"):
            step = StepCounts(f"{manifest.name}-{name}", rows_in=rows_in, tokens_out=rows_in * 900)
            for k in range(120):
                step.count("rejected", f"the {k}th of many reasons, which is a long one: {'x' * 100}", 100)
            rows_in -= step.rejected
            step.count("kept", n=rows_in)
            manifest.steps.append(step)
        manifest.units, manifest.finished = 3907, "2026-11-22T07:34:10+00:00"
        manifest.runners = {f"runner-{k}": 1000 for k in range(1000)}
        manifest.write(store, folder)
    records = [{"step": k, "loss": 3 / k} for k in range(1, 100_001)]
    store.write("training/sft/metrics.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode())
    Manifest(name="sft", kind="training", fingerprint="t").write(store, "training/sft")
    html = page(store, tmp_path)
    assert len(html.html.encode()) < 2_000_000
    assert "1,000,000 in" in html.text and "988,000 kept" in html.text


def test_long_texts_do_not_make_a_large_page(tmp_path):
    store = Store(tmp_path / "run")
    trace = "思考" * 20_000
    rows = [
        {
            "id": f"r{k}", "messages": [{"role": "user", "content": trace}], "reasoning": trace, "answer": trace,
            "outcome": "kept", "history": [{"step": s, "outcome": "kept"} for s in "abcdefgh"],
        }
        for k in range(60)
    ]  # fmt: skip
    for stage in range(1, 9):
        step = StepCounts("abcdefgh"[stage - 1], rows_in=60, kept=60)
        manifest = Manifest(name=f"0{stage}", kind="phase", fingerprint="f", finished="2026-11-22T07:34:10+00:00")
        manifest.add(UnitCounts([step]))
        manifest.write(store, f"steps/0{stage}")
        write_unit(store, f"steps/0{stage}/unit-000000.parquet", rows, schema_with({}), UnitCounts([step]))
    html = page(store, tmp_path)
    assert len(html.html.encode()) < 2_000_000
    shown = html.data["rows"]
    assert {at for row in shown for at, _, _ in row["at"]} == set(range(8))
    label, text, left = shown[0]["texts"][0]
    assert (label, len(text) + left) == ("user", len(trace))


def test_it_is_written_into_the_run_by_default(tmp_path):
    store = Store(tmp_path)
    store.write("recipe.yaml", RECIPE.encode())
    assert write_report(store) == str(tmp_path / "report.html")
    assert "Nothing has been done yet." in Page(store.read("report.html").decode()).text


def step_of(**counts):
    base = {
        "name": "s",
        "stage": "steps/01-s",
        "rows_in": 0,
        "created": 0,
        "kept": 0,
        "rejected": 0,
        "failed": 0,
        "reasons": {},
    }
    return base | counts


def test_the_widest_band_has_the_most_rows_and_bands_meet():
    bands = flow([step_of(rows_in=50, created=150, kept=200), step_of(rows_in=200, kept=20, rejected=180)])
    assert bands[0].stream.startswith(f"M0,0 H{FULL / 4:g} ") and f"H{FULL:g} V100" in bands[0].stream
    assert bands[1].stream.startswith(f"M0,0 H{FULL:g} ") and f"H{FULL / 10:g} V100" in bands[1].stream
    assert bands[0].joining and not bands[1].afresh


def test_a_round_that_takes_rows_in_again_starts_a_new_stream():
    bands = flow(
        [
            step_of(rows_in=10, kept=4, rejected=6, stage="steps/01-align/round-1/00-s"),
            step_of(rows_in=6, kept=6, stage="steps/01-align/round-2/00-s"),
        ]
    )
    assert [(band.label, band.afresh) for band in bands] == [("s (1)", False), ("s (2)", True)]


def test_a_long_curve_is_thinned_and_its_ticks_are_round():
    drawn = curve([{"step": k, "loss": 4.2 - k / 1000} for k in range(1, 4001)])
    assert len(drawn.loss.split()) == 300
    assert [value for value, _ in drawn.ticks] == [0, 1, 2, 3, 4]
    assert curve([{"step": 1, "loss": 2.0}]) is None


class Judged:
    def __init__(self, right, accuracy):
        import numpy as np

        self.judged = [np.array([right, accuracy])]


def test_agreement_is_the_chance_that_a_right_answer_scores_higher():
    assert agreement([Judged([1, 1, 0, 0], [9, 8, 3, 2])]).auc == 1.0
    assert agreement([Judged([1, 0], [5, 5])]).auc == 0.5
    assert agreement([Judged([1, 0, 0], [5, 5, 9])]).auc == 0.25
    assert agreement([Judged([1, 1], [9, 8])]) is None


def test_a_selection_is_told_by_task_and_language(tmp_path):
    store = Store(tmp_path / "run")
    write_practice_run(store)
    manifest = Manifest.read(store, SELECT)
    manifest.details["summary"] = {
        "kind": "selection", "column": "difficulty", "low": -2.0, "high": 8.0, "rows": 384, "kept": 96, "without": 0,
        "groups": [{"task": HOSTILE, "language": "zh", "rows": 384, "kept": 96, "bars": [[288, 0], [96, 96]]}],
    }  # fmt: skip
    manifest.write(store, SELECT)
    html = page(store, tmp_path)
    for told in ("What was selected", "difficulty", "96 of 384 rows kept", "25.0\xa0%", "-2 – 8"):
        assert told in html.text, told
    assert HOSTILE in html.text and HOSTILE not in html.html
    assert len([name for tag, name, value in html.attributes if tag == "rect" and value == "left"]) >= 2


def test_without_a_selection_there_is_no_such_section(practice):
    _, html = practice
    assert "selections" not in html.ids
