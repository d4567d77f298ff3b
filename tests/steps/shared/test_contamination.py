"""What a text shares with the questions of benchmarks."""

from __future__ import annotations

import pytest

from distilray.steps.shared.contamination import COMMON, QuestionIndex

CLIPS = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many?"
ZH = "小明有四十八个苹果，他把其中的一半分给了邻居家的三个孩子，请问小明现在还剩下多少个苹果？"


def index(*questions: str, benchmark: str = "gsm8k"):
    made = QuestionIndex(words=8, characters=12)
    for number, question in enumerate(questions):
        made.add(benchmark, f"{benchmark}/{number}", question)
    return made.frozen()


@pytest.mark.parametrize("question", [CLIPS, ZH])
def test_a_question_inside_another_text_is_found_whole(question: str) -> None:
    hit = index("something else entirely that is long enough to have runs of its own", question).best(
        f"Rewrite this, please 请改写: {question.upper()} Thank you 谢谢"
    )
    assert hit is not None
    assert (hit.benchmark, hit.question, hit.share) == ("gsm8k", "gsm8k/1", 1.0)


def test_half_a_question_is_found_with_its_share() -> None:
    words = CLIPS.split()
    hit = index(CLIPS).best(" ".join(words[:14]))
    assert hit is not None and hit.share == pytest.approx(7 / 15)


def test_the_same_exercise_with_other_numbers_is_another() -> None:
    template = "Tom has {} apples and buys {} more of them, then he gives away {} apples. How many are left?"
    assert index(template.format(12, 7, 5)).best(template.format(13, 8, 4)) is None


def test_the_wording_that_many_questions_share_does_not_count() -> None:
    stem = "Which of the following statements about the subject at hand is most certainly correct: "
    questions = [f"{stem} the {name} is one of them" for name in "abcdefghijklmnop"]
    assert len(questions) > COMMON
    assert index(*questions).best(f"{stem} zebras are") is None
    assert index(*questions[:3]).best(f"{stem} zebras are") is not None
    hit = index(*questions).best(questions[4])
    assert hit is not None and hit.question == "gsm8k/4"


def test_a_short_question_is_found_only_where_it_is_all_that_is_asked() -> None:
    made = index("Who wrote Hamlet?")
    hit = made.best("who wrote hamlet")
    assert hit is not None and hit.share == 1.0
    assert made.best("Tell me in a few words who wrote Hamlet and when that was") is None


def test_nothing_is_found_in_no_text_and_in_no_benchmark() -> None:
    assert index(CLIPS).best("") is None
    assert index().best(CLIPS) is None
    assert index("").best(CLIPS) is None


def test_a_question_of_several_options_is_found_by_its_own_text_too() -> None:
    options = (
        "A. the first of many long options B. the second of many long options C. the third of them D. none of these"
    )
    made = QuestionIndex(words=8, characters=12)
    made.add("mmlu", "mmlu/1", f"{CLIPS} {options} Answer with a letter and with nothing else.", CLIPS)
    hit = made.frozen().best(f"Solve this: {CLIPS}")
    assert hit is not None and (hit.question, hit.share) == ("mmlu/1", 1.0)
    assert made.frozen().asked() == [{"benchmark": "mmlu", "questions": 1}]
