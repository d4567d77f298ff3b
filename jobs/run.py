"""Entry point for ``ray job submit``: a recipe on the cluster that the job runs on.

    ray job submit --working-dir . -- python jobs/run.py jobs/recipes/quickstart.yaml --run s3://bucket/runs/first \
        models.teacher.replicas=4

It runs with the ``python`` of the node's environment, which is another than that of Ray where somebody started
``.venv/bin/ray`` without activating ``.venv``. So it looks for the packages before it imports any.
"""

import importlib.util
import platform
import sys

NEEDED = (
    "distilray", "accelerate", "datasets", "duckdb", "jinja2", "lazy_loader", "msgspec", "pyarrow", "pydantic", "ray",
    "torch", "transformers", "trl", "yaml",
)  # fmt: skip
OLDEST = (3, 11)


def main(arguments: list[str]) -> int:
    if lack := lacking():
        print(lack, file=sys.stderr)
        return 2
    from distilray.cli import main as distilray

    return distilray(["run", *arguments])


def lacking() -> str:
    """What this interpreter lacks and what to do, in one line; empty where it lacks nothing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if sys.version_info >= OLDEST and not missing:
        return ""
    lacks = f"lacks {', '.join(missing)}" if missing else "is too old, 3.11 is the oldest"
    return (
        f"{sys.executable} (Python {platform.python_version()} on {platform.node()}) {lacks}. Name the interpreter "
        "that has them (`-- /path/to/.venv/bin/python jobs/run.py ...`), or activate its environment on every node "
        "before `ray start`."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
