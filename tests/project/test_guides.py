"""What the guides show: each command is run by a test, or stands here as one that this machine cannot run; and each
message that the troubleshooting page quotes is one of ours, or of the program that it names."""

from __future__ import annotations

import ast
import re
import shlex

import pytest

from distilray.cli.command_line import parse
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
README = "tests/project/test_readme.py"
JOBS = "tests/cluster/test_submit.py"
FROM_OUTSIDE = f"{JOBS}::test_from_outside_with_a_token_jobs_are_followed_stopped_lost_with_their_node_and_go_on"
WALK = f"{README}::test_the_commands_do_what_the_readme_says"
LONG_WALK = f"{README}::test_the_commands_that_take_longer_do_so_too"
SERVED = "tests/serve/inference/test_serving.py::test_it_is_ready_only_when_it_answers"
NOT_HERE = "not run"
"""No Kubernetes, no eight GPUs, no account with a cloud, no right to install packages of the system."""
COVERED = {
    "cluster.md": {
        "docker": NOT_HERE,
        "export RAY_API_SERVER_ADDRESS": FROM_OUTSIDE,
        "jobs/submit.sh recipe.yaml s3://bucket/runs/first": FROM_OUTSIDE,
        "ray job logs -f": FROM_OUTSIDE,
        "ray job status": FROM_OUTSIDE,
        "ray job stop": FROM_OUTSIDE,
        "ray get-auth-token --generate > token": FROM_OUTSIDE,
        "chmod 600 token": FROM_OUTSIDE,
        "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH": FROM_OUTSIDE,
        ". .venv/bin/activate": FROM_OUTSIDE,
        "ray start --head --num-cpus 0": FROM_OUTSIDE,
        "ray start --address": FROM_OUTSIDE,
        "distilray plan recipe.yaml --machines 4x8x80": "tests/planning/test_trainings.py::test_machines_are_read",
        "distilray status s3://bucket/runs/first": LONG_WALK,
        "distilray cluster": "tests/cli/test_cluster.py::test_a_recipe_is_rendered_and_what_is_written_passes",
        "helm": NOT_HERE,
        "kubectl": NOT_HERE,
        "curl": SERVED,
    },
    "one-box.md": {
        "make setup EXTRA=gpu": NOT_HERE,
        ". .venv/bin/activate": WALK,
        "distilray doctor": "tests/cli/test_doctor.py::test_this_machine_is_usable_and_fits_on_one_screen",
        "distilray plan jobs/recipes/answer-and-sft.yaml": f"{README}::test_recipes_for_larger_machines_are_planned",
        "distilray run": WALK,
        "distilray status": WALK,
        "distilray rows": WALK,
        "distilray report": WALK,
        "distilray chat": LONG_WALK,
        "distilray serve": SERVED,
    },
    "storage.md": {
        "distilray run jobs/recipes/quickstart.yaml --run gs://bucket/runs/quickstart": NOT_HERE,
        "distilray status gs://bucket/runs/quickstart": NOT_HERE,
        "apt install radosgw": NOT_HERE,
    },
    "security.md": {"uvx pip-audit": NOT_HERE},
}
"""The beginnings of the commands of each page."""
TROUBLES = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
OTHERS = "Ray, vLLM and PyTorch"
"""The section of the page whose messages are not ours."""
FOREIGN = {"CUDA out of memory"}


def typed(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", COVERED)
def test_every_command_of_a_guide_is_run_by_a_test_or_said_to_be_not_run(page: str) -> None:
    commands, known = typed(page), COVERED[page]
    assert commands
    assert not [line for line in commands if not line.startswith(tuple(known))]
    assert not [start for start in known if not any(line.startswith(start) for line in commands)]
    for how in set(known.values()) - {NOT_HERE}:
        file, _, name = how.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, how
    if NOT_HERE in known.values():
        text = (DOCS / page).read_text(encoding="utf-8").lower()
        assert "not run" in text or "not verified" in text or "not part of the project" in text


@pytest.mark.parametrize("page", COVERED)
def test_the_command_line_takes_what_a_guide_shows_of_it(page: str) -> None:
    for line in typed(page):
        if line.startswith("distilray "):
            assert callable(parse(shlex.split(line)[1:]).call)


def rows(section: str) -> list[str]:
    """What is seen, of each row of a section's table."""
    [text] = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", TROUBLES, re.M | re.S)
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")][2:]


def our_text() -> str:
    """Our sources with strings that stand one after another joined."""
    files = [*sorted((ROOT / "distilray").rglob("*.py")), ROOT / "jobs" / "run.py"]
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text("utf-8") for path in files))


def test_each_message_that_is_quoted_is_one_of_ours() -> None:
    sections = re.findall(r"^## (.+)$", TROUBLES, re.M)
    assert OTHERS in sections and len(sections) >= 6
    ours = our_text()
    quoted = [
        text
        for section in sections
        if section != OTHERS
        for row in rows(section)
        for text in re.findall("`([^`]+)`", row)
    ]
    assert len(quoted) > 20
    for text in quoted:
        assert text in ours or text in FOREIGN or re.fullmatch(r"[A-Z]\w+(-\w+)+|[A-Z_]+", text), text


def test_every_row_says_what_to_do() -> None:
    lines = [line for line in TROUBLES.splitlines() if line.startswith("| ")]
    assert len(lines) > 40
    for line in lines:
        seen, why, remedy = (cell.strip() for cell in line.strip("|").split(" | "))
        assert seen and why and remedy, line


def test_addresses_of_the_storage_page_are_read() -> None:
    """As far as this machine has the filesystems: nothing is asked of them."""
    from distilray.storage import resolve

    table = [line for line in (DOCS / "storage.md").read_text("utf-8").splitlines() if line.startswith("|")]
    found = {address for line in table for address in re.findall(r"`((?:s3|gs|abfss)://[^`]+)`", line)}
    assert len(found) == 5
    for address in sorted(found):
        system, path = resolve(address)
        assert system.type_name in ("s3", "gcs", "abfs") and path.endswith("/runs/first"), address
