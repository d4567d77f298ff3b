"""Marks tell rows that kill their runner from rows that were merely there when the driver was killed."""

from distilray.ledger import CrashMarks

PHASE, UNIT = "01-answer", "unit-000000"


def test_work_that_ended_leaves_no_crash(store):
    attempts = CrashMarks(store, PHASE, UNIT, "session-1")
    attempts.begin(0, 256)
    assert attempts.crashes(0, 256) == (0, 0)
    attempts.end(0, 256)
    assert CrashMarks(store, PHASE, UNIT, "session-1").crashes(0, 256) == (0, 0)


def test_each_runner_that_died_on_a_span_counts_once(store):
    for _ in range(2):
        CrashMarks(store, PHASE, UNIT, "session-1").begin(0, 256)
    attempts = CrashMarks(store, PHASE, UNIT, "session-1")
    assert attempts.crashes(0, 256) == (2, 0)
    attempts.begin(0, 256)
    assert attempts.crashes(0, 256) == (2, 0)


def test_a_death_over_a_span_that_was_alone_is_told_apart(store):
    CrashMarks(store, PHASE, UNIT, "session-1").begin(0, 256)
    CrashMarks(store, PHASE, UNIT, "session-1").begin(0, 256, alone=True)
    assert CrashMarks(store, PHASE, UNIT, "session-1").crashes(0, 256) == (1, 1)


def test_a_crash_belongs_to_exactly_its_span(store):
    CrashMarks(store, PHASE, UNIT, "session-1").begin(0, 25)
    attempts = CrashMarks(store, PHASE, UNIT, "session-1")
    assert [attempts.crashes(*span).together for span in ((0, 25), (0, 256), (0, 2), (1, 25))] == [1, 0, 0, 0]


def test_marks_of_a_killed_driver_do_not_count_in_the_next_session(store):
    CrashMarks(store, PHASE, UNIT, "session-1").begin(0, 256)
    assert CrashMarks(store, PHASE, UNIT, "session-2").crashes(0, 256) == (0, 0)


def test_a_published_unit_has_no_marks(store):
    CrashMarks(store, PHASE, UNIT, "session-1").begin(0, 256)
    attempts = CrashMarks(store, PHASE, UNIT, "session-1")
    attempts.clear()
    assert attempts.crashes(0, 256) == (0, 0)
    assert store.names(f"attempts/{PHASE}/{UNIT}") == []
