"""The card beside an export says what is in it, in a form that the Hub's own tools read."""

import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard

from distilray.export import dataset_card, export, write_card
from distilray.export.dataset_cards import hub_license
from distilray.rows import schema_with, to_table


@pytest.fixture
def folder(tmp_path):
    rows = [
        {
            "id": f"{source}/a:{k}",
            "source": source,
            "language": language,
            "messages": [{"role": "user", "content": f"Add {k} and 1."}],
            "answer": str(k + 1),
            "outcome": "rejected" if k == 0 else "kept",
        }
        for source, language, count in (("gsm8k", "en", 4), ("cmath", "zh", 3))
        for k in range(count)
    ]
    exported = export([to_table(rows, schema_with({}))], "messages", str(tmp_path / "set"))
    card = dataset_card(
        exported,
        title="Sums: a small set",
        licenses={"gsm8k": "MIT", "cmath": "CC BY 4.0"},
        models={"teacher": "big | model"},
        prompts={"answer": "0123abcd"},
        recipe="name: sums\n",
    )
    write_card(str(tmp_path / "set"), card)
    return tmp_path / "set"


def test_the_head_is_understood_by_the_hub(folder):
    data = DatasetCard.load(folder / "README.md").data
    assert data.language == ["en", "zh"]
    assert data.license == ["cc-by-4.0", "mit"]
    assert data.size_categories == ["n<1K"]
    assert data.pretty_name == "Sums: a small set"


def test_the_text_names_sources_models_prompts_and_recipe(folder):
    text = (folder / "README.md").read_text()
    for line in (
        "| gsm8k | MIT | 3 |",
        "| cmath | CC BY 4.0 | 2 |",
        "| teacher | big \\| model |",
        "| answer | 0123abcd |",
        "name: sums",
        "rejected in an earlier step (2)",
    ):
        assert line in text


def test_the_folder_loads_by_its_card(folder, tmp_path):
    data = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: rows.num_rows for split, rows in data.items()} == {"train": 5}


def test_licenses_have_the_names_of_the_hub():
    given = ["MIT", "Apache-2.0", "CC BY 4.0", "ODC-By 1.0", "My own", None]
    assert [hub_license(name) for name in given] == [
        "mit", "apache-2.0", "cc-by-4.0", "odc-by", "other", "unknown",
    ]  # fmt: skip
