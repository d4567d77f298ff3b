"""Every command that the README and its guide show is run here, or by the test named here; a new one fails until it
is."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from distilray.cli.command_line import parse
from distilray.planning import Available, plan
from distilray.recipe import load_recipe
from distilray.report.run_status import status
from distilray.storage import Store
from tests.support.paths import ROOT
from tests.support.ports import free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
MEASURED = (ROOT / "docs" / "measured.md").read_text(encoding="utf-8")
GUIDE = "\n".join(
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("index", "recipes", "measured")
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "RAY_AUTH_MODE": "disabled",
    "PYTHONPATH": str(ROOT),
}
PROGRAMS = ("make", "distilray", ".venv/bin/distilray", ".venv/bin/python", "python", "ray", "serve", ".")
NAMED_ONLY = {"distilray plan", "distilray export", ". .venv/bin/activate"}
"""Words of a sentence, not something to try."""

TEST_SERVING, TEST_CONFIG = "tests/serve/inference/test_serving.py", "tests/serve/inference/test_cluster_config.py"
COVERED = {
    # run below, word by word
    "distilray run recipe.yaml --run runs/first": "walk",
    "distilray status runs/first": "walk",
    "distilray status runs/first --json": "walk",
    "distilray rows runs/first check --outcome rejected": "walk",
    "distilray report runs/first": "walk",
    "distilray chat runs/first": "walk",
    "distilray chat runs/first --before-after": "long walk",
    "distilray export runs/first --form messages --out data/first": "walk",
    "distilray verify pairs.jsonl --kind math": "walk",
    "distilray plan recipe.yaml": "walk",
    "distilray plan recipe.yaml --pilot 200": "long walk",
    "distilray try recipe.yaml judge --rows 3": "long walk",
    "distilray run recipe.yaml --run s3://bucket/runs/first": "long walk",
    "distilray run recipe.yaml models.teacher.sampling.temperature=0.7 steps.answer.n=2": "long walk",
    # run by other tests
    "ray job submit --working-dir . -- python jobs/run.py recipe.yaml --run s3://bucket/runs/first": (
        "tests/project/test_readme.py::test_a_job_is_submitted_to_a_cluster"
    ),
    "distilray evaluate runs/first --benchmarks gsm8k,ifeval --data-dir benchmarks": (
        "tests/cli/test_evaluate.py::test_a_checkpoint_is_evaluated_and_the_same_command_takes_up_its_answers"
    ),
    "distilray evaluate gsm8k --responses responses.jsonl --data-dir benchmarks": (
        "tests/evaluate/recorded/test_forms.py::test_every_form_is_read"
    ),
    "distilray cluster render recipe.yaml --out deploy": (
        "tests/cli/test_cluster.py::test_a_recipe_is_rendered_and_what_is_written_passes"
    ),
    "distilray cluster check deploy": "tests/cli/test_cluster.py::test_manifests_that_pass_are_counted",
    "distilray compare runs/first runs/second --html changes.html": (
        "tests/cli/test_compare.py::test_text_json_and_markdown_and_the_files_beside_them"
    ),
    "distilray plan recipe.yaml --machines 2x8x80": "tests/planning/test_trainings.py::test_machines_are_read",
    "distilray export runs/first --compress int8 --push owner/name": (
        "tests/export/test_students.py::test_a_student_is_pushed_file_by_file"
    ),
    "make demo": "tests/project/test_readme.py::test_make_demo_ends_with_a_student_to_chat_with",
    "make test": "tests/project/test_readme.py::test_make_runs_what_the_readme_says",
    "make test-long": "tests/project/test_readme.py::test_make_runs_what_the_readme_says",
    "make prove": "tests/project/test_readme.py::test_make_runs_what_the_readme_says",
    "python -m benchmarks.claims.document": (
        "tests/benchmarks/claims/test_document.py::test_the_page_has_the_tables_of_the_results"
    ),
    "make lint": "tests/project/test_packages.py::test_packages_import_downwards_and_through_front_doors",
    "make setup": "tests/project/test_setup.py::test_torch_comes_from_the_index_for_torch_when_it_is_not_at_hand",
    ".venv/bin/distilray doctor": "tests/cli/test_doctor.py::test_this_machine_is_usable_and_fits_on_one_screen",
    "distilray serve runs/first --port 8000": f"{TEST_SERVING}::test_it_is_ready_only_when_it_answers",
    "serve deploy cluster/serve/student.yaml": f"{TEST_CONFIG}::test_serve_deploy_serves_the_student",
    # what the machine at hand cannot do: parsed and planned for a machine that could
    "distilray plan jobs/recipes/answer-and-sft.yaml": "planned",
    "distilray run jobs/recipes/answer-and-sft.yaml --run runs/7b": "planned",
    "distilray run jobs/recipes/answer-and-sft.yaml": "planned",
    "make setup EXTRA=gpu": "planned",
}


def blocks(language: str, text: str = README) -> list[str]:
    """The fenced blocks of ``text`` in ``language``."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands() -> list[str]:
    """What can be typed: lines of shell blocks, and code in the text that begins with a program of ours."""
    shown = f"{README}\n{GUIDE}"
    lines = [line.partition("  #")[0].strip() for block in blocks("sh", shown) for line in block.splitlines()]
    text = re.sub(r"^```\w*$", "", shown, flags=re.M)
    spans = [part.strip() for span in re.findall(r"`([^`\n]+)`", text) for part in span.split("&&")]
    typed = [span for span in spans if span.split()[0] in PROGRAMS and " " in span and "RUN" not in span]
    return [line for line in dict.fromkeys(lines + typed) if line and line not in NAMED_ONLY]


def test_every_command_is_covered_and_nothing_else_is():
    assert set(commands()) == set(COVERED)


def test_the_tests_that_cover_commands_exist():
    for how in COVERED.values():
        if "::" in how:
            file, _, name = how.partition("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, how


@pytest.mark.parametrize("command", [each for each in COVERED if "distilray " in each])
def test_the_command_line_takes_it(command: str):
    options = parse(shlex.split(command)[1:])
    assert callable(options.call)


@pytest.mark.parametrize("recipe", ["jobs/recipes/answer-and-sft.yaml", "jobs/recipes/distilqwen2_5_ds3.yaml"])
def test_recipes_for_larger_machines_are_planned(recipe: str):
    loaded = load_recipe(str(ROOT / recipe), [])
    assert plan(loaded, "sources", Available(960, 64, 10_000)).stages


def test_the_recipe_in_the_text_is_valid_and_fits_on_one_box_of_eight_gpus(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text(blocks("yaml")[0])
    stages = plan(load_recipe(str(tmp_path / "recipe.yaml"), []), "sources", Available(96, 8, 1000)).stages
    assert [stage.name for stage in stages] == ["01-answer+check+judge", "02-select"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_that_a_page_names_are_there(page: Path):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in target or (page.parent / target).exists(), target
    for path in re.findall(r"`((?:distilray|benchmarks|jobs|cluster|tests|docs)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_index_leads_to_every_page():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert page.name == "index.md" or f"({page.name})" in index, page.name


def test_the_readme_fits_on_two_screens():
    assert len(README.splitlines()) <= 100


def test_every_figure_has_a_program_and_its_results():
    """A row of the figures says so where it was not measured; otherwise the results lie in the repository."""
    rows = re.findall(r"^\|[^|]+\| `(benchmarks/[^`]+)`[^|]*\|([^|]+)\|$", MEASURED, re.M)
    assert len(rows) >= 15
    for command, result in rows:
        program = command.split()[0]
        assert (ROOT / program).exists(), program
        results = list((ROOT / "benchmarks" / "results").glob(f"{Path(program).stem}*.json"))
        assert results or "not measured" in result, program


def test_make_runs_what_the_readme_says():
    def would_run(target: str) -> str:
        return subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    fast, slow = [line for line in would_run("test").splitlines() if "pytest" in line]
    assert 'not slow and not long"' in fast
    assert '"slow and not long"' in slow
    assert "pytest -m long" in would_run("test-long")
    assert "benchmarks worth" in would_run("prove")


# The walk: the commands in the order in which a person would try them, in a folder with a recipe of the README's own
# steps. The teacher is an endpoint on loopback that is planted to be wrong on every fifth sum.


class Planted(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["messages"][-1]["content"]
        if any("helpfulness" in message["content"] for message in body["messages"]):
            text = json.dumps({"check": "seen", "accuracy": 9, "relevance": 8, "helpfulness": 8, "detail": 7})
        else:
            a, b = map(int, re.findall(r"(\d+) plus (\d+)", asked)[-1])
            text = f"{a} plus {b} is {a + b + (a % 5 == 0)}. The answer is {a + b + (a % 5 == 0)}."
        message = {"role": "assistant", "content": text}
        choices = [{"index": k, "finish_reason": "stop", "message": message} for k in range(body.get("n") or 1)]
        usage = {"prompt_tokens": len(asked.split()), "completion_tokens": len(text.split()), "total_tokens": 1}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices, "usage": usage}
        payload = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder where commands are typed: recipe.yaml, data, pairs.jsonl and jobs/run.py."""
    from tests.support.checkpoints import make_student

    folder = tmp_path_factory.mktemp("readme")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Planted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    recipe = yaml.safe_load(blocks("yaml")[0])
    endpoint = f"http://127.0.0.1:{server.server_port}/v1"
    recipe["models"] = {
        "teacher": {"kind": "openai", "base_url": endpoint, "model": "m"},
        "student": {"path": make_student(folder / "student")},
    }
    recipe["sources"] = [{"name": "sums", "path": "data/sums.jsonl", "task": "math", "language": "en"}]
    recipe["train"][0] = {"kind": "sft", "student": "student", "max_steps": 2, "batch_size": 4, "max_length": 128,
                          "precision": "fp32", "resources": {"workers": 1, "cpus_per_worker": 0.5}}  # fmt: skip
    del recipe["evaluate"]  # needs engines; `make demo` evaluates
    recipe["resources"] = {"unit_rows": 16, "runners": 1, "runner_cpus": 0.1}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "data").mkdir()
    sums = [{"instruction": f"What is {a} plus {b}?", "reference": str(a + b)} for a in range(10) for b in range(4)]
    (folder / "data" / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))
    pairs = [{"answer": rf"so \boxed{{\frac{{{k}}}{{2}}}}", "reference": str(k / 2)} for k in range(20)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))
    (folder / "jobs").mkdir()
    shutil.copy(ROOT / "jobs" / "run.py", folder / "jobs")
    yield folder
    server.shutdown()
    server.server_close()


def typed(command: str, here: Path, stdin: str = "", **environment: str) -> str:
    """What ``command`` printed; it must succeed."""
    done = subprocess.run(
        shlex.split(command), cwd=here, input=stdin, env=ENVIRONMENT | environment, capture_output=True, text=True,
        timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    return done.stdout


def walked(how: str) -> Iterator[str]:
    return (command for command, by in COVERED.items() if by == how)


@pytest.mark.long
def test_the_commands_do_what_the_readme_says(here: Path):
    said = {command: typed(command, here, "What is 2 plus 3?\n/quit\n") for command in walked("walk")}
    assert "report" in said["distilray run recipe.yaml --run runs/first"]
    assert "chat      distilray chat runs/first" in said["distilray run recipe.yaml --run runs/first"]
    found = json.loads(said["distilray status runs/first --json"])
    assert found["state"] == "finished"
    counts = {step["name"]: (step["rows_in"], step["kept"], step["rejected"]) for step in found["steps"]}
    assert counts == {"sources": (40, 40, 0), "answer": (40, 40, 0), "check": (40, 32, 8), "judge": (32, 32, 0),
                      "select": (32, 26, 6)}  # fmt: skip
    assert "finished" in said["distilray status runs/first"]
    assert "The answer is 6." in said["distilray rows runs/first check --outcome rejected"]
    assert (here / "runs" / "first" / "report.html").stat().st_size > 20_000
    assert said["distilray chat runs/first"].endswith("\n")
    assert "26 rows" in said["distilray export runs/first --form messages --out data/first"]
    assert (here / "data" / "first" / "README.md").exists()
    assert "20 checked: 20 right" in said["distilray verify pairs.jsonl --kind math"]
    assert "01-answer+check+judge" in said["distilray plan recipe.yaml"]


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """The environment in which s3://bucket is a bucket on this machine."""
    import urllib.request

    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/bucket", method="PUT"))
    yield {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
           "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
    server.stop()


@pytest.mark.long
def test_the_commands_that_take_longer_do_so_too(here: Path, bucket: dict[str, str]):
    typed("distilray run recipe.yaml --run runs/first", here)
    question = "What is 2 plus 3?\n"
    said = {command: typed(command, here, question, **bucket) for command in walked("long walk")}
    both = said["distilray chat runs/first --before-after"]
    assert both.index("student-before:\n") < both.index("student:\n")
    assert "40" in said["distilray plan recipe.yaml --pilot 200"]
    assert "helpfulness" in said["distilray try recipe.yaml judge --rows 3"]
    again = typed("distilray status s3://bucket/runs/first --json", here, **bucket)
    assert json.loads(again)["state"] == "finished"
    twice = status(Store(str(here / "runs" / "run")))
    assert twice["models"][0]["replies"] >= 80


@pytest.mark.long
def test_a_job_is_submitted_to_a_cluster(here: Path, bucket: dict[str, str]):
    [command] = [each for each in COVERED if each.startswith("ray job submit")]
    gcs, dashboard = free_port(), free_port()
    short = tempfile.mkdtemp(prefix="ray-")  # sockets lie below it, and their paths are limited to 107 characters
    start = f"ray start --head --port {gcs} --dashboard-port {dashboard} --num-cpus 2 --temp-dir {short}"
    start += f" --dashboard-agent-listen-port {free_port()}"  # the other tests' cluster has the usual one
    node = subprocess.Popen(
        [*shlex.split(start), "--object-store-memory", "200000000", "--disable-usage-stats", "--block"],
        env=ENVIRONMENT | bucket, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{dashboard}"
    try:
        deadline = time.monotonic() + 300
        while subprocess.run(
            ["ray", "job", "list", "--address", address], env=ENVIRONMENT, capture_output=True
        ).returncode:
            assert time.monotonic() < deadline and node.poll() is None, "the cluster did not start"
            time.sleep(1)
        # The head answers before the agent that runs jobs does; who starts a cluster and types at once types again.
        trial = ["ray", "job", "submit", "--address", address, "--", "true"]
        while subprocess.run(trial, env=ENVIRONMENT, capture_output=True).returncode:
            assert time.monotonic() < deadline and node.poll() is None, "the cluster takes no job"
            time.sleep(1)
        name = command.replace("runs/first", "runs/job")
        said = typed(name, here, RAY_API_SERVER_ADDRESS=address, RAY_ADDRESS=address)
        assert "succeeded" in said
        again = typed("distilray status s3://bucket/runs/job --json", here, **bucket)
        assert json.loads(again)["state"] == "finished"
    finally:
        node.terminate()
        node.wait(60)
        shutil.rmtree(short, ignore_errors=True)


@pytest.mark.slow
def test_make_demo_ends_with_a_student_to_chat_with():
    """What `make demo` has left here, as in `.ci/run`: the same command ends at once, and what it offers works."""
    if not (ROOT / "runs" / "quickstart" / "run.json").exists():
        pytest.skip("`make demo` has not run in this folder")
    done = subprocess.run(["make", "demo"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr[-2000:]
    [report] = re.findall(r"^report +(\S+)$", done.stdout, re.M)
    assert (ROOT / report).stat().st_size > 50_000
    [chat] = re.findall(r"^chat +(.+)$", done.stdout, re.M)
    results = {
        result["model"]: result["value"] for result in status(Store(str(ROOT / "runs" / "quickstart")))["evaluations"]
    }
    assert results["student_after"] > results["student_before"] + 0.2
    assert typed(chat, ROOT, "Tom has 123 apples and gets 45 more. How many apples does Tom have now?\n").strip()
