"""Which dollars are LaTeX and which are money."""

from __future__ import annotations

import pytest

from distilray.verifiers.formulas import formulas


@pytest.mark.parametrize(
    "text",
    [
        "4 of them cost 4 * $7 = $28.\nWith the $5 fee he pays $28 + $5 = $33.",
        "6 x $4.50 = $27.00",
        "$90 000 - $30 000 = $60 000",
        "the price falls from US$40 to US$18",
        "一共是 $7 × 4 = $28",
        "He has 5$ and she has 7$.",
        "5$ + 7$ = 12$",
        "($5+$7)",
        "$5-$10",
        "60 x $0.10 and $60 x 6 = $360",
        "$17/$8.50",
        "it costs $20k to $30k",
        "$5 a day and $6 a night",
        r"the price \$5 and \$6",
        "an odd $ here and\n\nanother $ there",
    ],
)
def test_money_is_no_formula(text: str):
    assert formulas(text) == []


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ("We get $x = 7$ and $y = 3$, so $x + y = 10$.", ["x = 7", "y = 3", "x + y = 10"]),
        (r"It costs $6 and the ratio is $\frac{3}{4}$.", [r"\frac{3}{4}"]),
        ("so it is $7$.", ["7"]),
        ("so it is $ 7 $ now", ["7"]),
        ("$5x + 3$ and $2n$", ["5x + 3", "2n"]),
        ("triangle $ABC$ and product $abc$", ["ABC", "abc"]),
        ("I have $20, a $5 bill and $x$ coins", ["x"]),
        (r"$5 \times 3 = 15$", [r"5 \times 3 = 15"]),
        ("$12 + 24 = 36$", ["12 + 24 = 36"]),
        (r"\(x\) costs $5, and \[y\] and $$z$$", ["x", "y", "z"]),
        (r"the $n$th of $3:4$ and $\$5$", ["n", "3:4", r"\$5"]),
    ],
)
def test_what_reads_as_a_formula_is_one(text: str, contents: list[str]):
    found = formulas(text)
    assert [one.content for one in found] == contents
    assert all(one.content in text[one.start : one.end] for one in found)
