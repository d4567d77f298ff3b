"""What is planted is what it is called: texts of one language and task, all different, and copies that are near."""

from __future__ import annotations

import asyncio
from collections import Counter

from benchmarks.planted.boilerplate import ABOVE, OF, OFTEN, PLACES, Boilerplate
from benchmarks.planted.created import COPY, GOOD, LANGUAGE, TASK, Created
from benchmarks.planted.follow_ups import CHECKS, KINDS, FollowUps
from benchmarks.planted.texts import DIFFERENT, LANGUAGES, TASKS, instruction, near_copy
from distilray.rows import guess_language
from distilray.steps.shared.created import written_in
from distilray.steps.shared.overlap import overlap

ROWS = 480


def test_instructions_are_different_and_in_their_language() -> None:
    made = [instruction(language, task, k) for language in LANGUAGES for task in TASKS for k in range(DIFFERENT)]
    assert len(set(made)) == len(made) == 2 * 4 * DIFFERENT
    assert all(guess_language(instruction(language, "law", k)) == language for language in LANGUAGES for k in range(9))


def test_every_way_to_copy_stays_near_its_text_and_forms_of_a_task_do_not() -> None:
    for language in LANGUAGES:
        for k in range(40):
            text = instruction(language, TASKS[k % 4], k)
            assert near_copy(text, language, k) != text
            assert overlap(near_copy(text, language, k).lower(), text.lower()) > 0.5
            assert overlap(instruction(language, TASKS[k % 4], k + 1), text) < 0.25


def test_created_texts_are_what_they_are_called() -> None:
    created = Created(ROWS)
    assert len(created.by_instruction) == ROWS
    for seed in created.seeds:
        truths = [text.truth for text in seed.written]
        assert sorted(truths) == sorted([GOOD, GOOD, LANGUAGE, TASK, COPY]) and truths[0] == truths[-1] == GOOD
        for text in seed.written:
            assert asyncio.run(written_in(text.text, seed.language)) is (text.truth != LANGUAGE)
            assert (text.task == seed.task) is (text.truth != TASK)
    assert any("“" in text.text or '"' in text.text for seed in created.seeds for text in seed.written)


def test_follow_ups_are_of_every_kind_and_told_apart_by_answer_and_question() -> None:
    follow_ups = FollowUps(ROWS)
    assert len(follow_ups.by_answer) == len(follow_ups.by_question) == len(follow_ups.cases) == ROWS
    counted = Counter(case.truth for case in follow_ups.cases)
    assert counted == {kind: ROWS // len(KINDS) * KINDS.count(kind) for kind in KINDS}
    assert {truth for truths, _ in CHECKS.values() for truth in truths} == set(KINDS) - {"good"}


def test_boilerplate_is_as_frequent_as_it_says() -> None:
    counted = Counter((language, name) for language, _, name in Boilerplate(2 * 10 * OF).answers)
    for language in LANGUAGES:
        assert {counted[language, place] for place in PLACES} == {10 * OFTEN}
        assert counted[language, "rare opening"] == counted[language, "rare closing"] == 10 < ABOVE * 10 * OF
