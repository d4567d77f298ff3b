"""The page of `distilray compare`: scores with their intervals, and every differing pair of answers."""

from __future__ import annotations

import os
from collections.abc import Sequence

from markupsafe import Markup

from distilray.evaluate import Comparison
from distilray.report.comparison_view import comparisons_markdown, comparisons_svg
from distilray.report.page.changes import ROOM, shown_comparisons
from distilray.report.page.environment import asset, page_environment, policy_hashes
from distilray.storage import put, resolve

SCRIPT = "first.js"


def write_comparison(comparisons: Sequence[Comparison], out: str | os.PathLike[str]) -> str:
    """Writes the page to ``out``, a path or URI, and returns it."""
    filesystem, path = resolve(out)
    put(filesystem, path, comparison_page(comparisons).encode())
    return os.fspath(out)


def comparison_page(comparisons: Sequence[Comparison]) -> str:
    """The page as text."""
    environment = page_environment()
    script = asset(environment, SCRIPT)
    return environment.get_template("comparison.html.jinja").render(
        comparisons=shown_comparisons(comparisons, ROOM),
        picture=Markup(comparisons_svg(comparisons)),
        markdown=comparisons_markdown(comparisons),
        script=script,
        script_hashes=policy_hashes(script),
        style=asset(environment, "page.css"),
    )
