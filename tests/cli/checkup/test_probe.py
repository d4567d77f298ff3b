"""Programs in a process of their own, which may fail, die or hang."""

from distilray.cli.checkup.probe import Probe


def test_an_import_that_fails_is_shown_with_its_error() -> None:
    assert Probe("import no_such_module").facts(60) == ["ModuleNotFoundError: No module named 'no_such_module'"]


def test_an_import_that_dies_without_a_word_is_shown_with_its_status() -> None:
    assert Probe("import os; os.abort()").facts(60) == ["exit status -6"]


def test_what_was_found_before_a_death_is_kept() -> None:
    assert Probe("print('{}')", "import os; os.abort()").facts(60) == [{}, "exit status -6"]


def test_an_import_that_hangs_is_given_up() -> None:
    [found] = Probe("import time; time.sleep(60)").facts(0.2)
    assert str(found).startswith("no answer in 0 s")
