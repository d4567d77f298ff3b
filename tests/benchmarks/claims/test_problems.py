"""Problems that were not met before."""

from __future__ import annotations

from itertools import islice

from benchmarks.claims.problems import fresh, operands, trained_on
from distilray import practice


def asking(text: str, reference: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], "reference": reference}


def test_problems_are_the_same_whatever_they_are_about_and_in_whichever_order():
    one = asking("Tom has 482 apples and gets 379 more. How many apples does Tom have now?", "861")
    other = asking("一个盒子里有379个苹果,另一个盒子里有482个。合起来有多少个苹果?", "861")
    less = asking("A box holds 482 pens. Tom takes out 379 of them. How many pens remain?", "103")
    assert operands(one) == operands(other) == ("379", "482", "861")
    assert operands(less) != operands(one)
    assert list(fresh([one, other, less, one], set())) == [one, less]


def test_what_the_converged_student_was_trained_on_is_not_fresh():
    from distilray.practice.arithmetic import record
    from distilray.practice.training import examples

    met = trained_on()
    first = [record(example.problem) for example in islice(examples({"conversation": 1.0}, seed=1), 9000)]
    assert len(met) > 19_000 and not list(fresh(first, set(met)))
    drawn = list(practice.problems(2000, seed=501))
    assert 0.9 * len(drawn) < len(list(fresh(drawn, set(met)))) < len(drawn)
