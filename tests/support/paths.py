"""Where things lie in the checkout that tests run in."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "jobs" / "recipes"
SUPPORT = Path(__file__).parent
