"""Where things lie in the checkout; for tests that read recipes, pages or scripts."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "jobs" / "recipes"
SUPPORT = Path(__file__).parent
