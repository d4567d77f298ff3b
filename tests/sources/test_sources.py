"""The settings of a source are checked when a recipe is read, with errors that say what would be right."""

import pytest
from pydantic import ValidationError

from distilray.sources import Source


def test_a_source_reads_a_path():
    source = Source.model_validate({"name": "gsm8k", "path": "a.jsonl", "columns": {"instruction": "question"}})
    assert (source.form, source.format, source.answers) == ("auto", "auto", "keep")


def test_a_source_that_uses_a_function_takes_its_arguments_under_with():
    source = Source.model_validate({"name": "made", "uses": "package:function", "with": {"n": 3}})
    assert source.with_ == {"n": 3}


def test_every_setting_is_described():
    assert [name for name, info in Source.model_fields.items() if not info.description] == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "a"}, "needs either `path` or `uses`"),
        ({"name": "a", "path": "x", "uses": "p:f"}, "needs either `path` or `uses`"),
        ({"name": "a", "path": "x", "with": {"n": 1}}, "has `with` but no `uses`"),
        ({"name": "a/b", "path": "x"}, "should match pattern"),
        ({"name": "a", "path": "x", "pathh": "y"}, "Extra inputs are not permitted"),
        ({"name": "a", "path": "x", "form": "alpacca"}, "'alpaca', 'sharegpt'"),
        ({"name": "a", "path": "x", "limit": 0}, "greater than 0"),
        ({"name": "a", "path": "x", "reference_pattern": "#### (.+"}, "is not a regular expression"),
        ({"name": "a", "path": "x", "reference_pattern": "####"}, "has no group"),
        ({"name": "a", "path": "x", "trace_pattern": "(.+)"}, "lacks the groups"),
        ({"name": "a", "path": "x", "columns": {"instrution": "q"}}, "'instrution' is not one of our field names"),
        ({"name": "a", "path": "x", "keep": {"level": "integer"}}, "types are string, int"),
        ({"name": "a", "path": "x", "keep": {"answer": "string"}}, "a column that every row has"),
    ],
)
def test_a_mistake_in_the_settings_is_named(settings, message):
    with pytest.raises(ValidationError, match=message):
        Source.model_validate(settings)


def test_kept_columns_are_columns_that_the_source_writes():
    assert Source(name="a", path="x", keep={"level": "int"}).columns_written() == {"level": "int"}
