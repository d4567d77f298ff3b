"""A stage is taken up again while its fingerprint holds, and set aside, never deleted, when it does not."""

from distilray.ledger import Manifest, fingerprint, open_stage

STAGE = "steps/01-answer+judge"


def wanted(prompt):
    return Manifest(name="answer+judge", kind="phase", fingerprint=fingerprint({"prompt": prompt, "model": "t"}))


def test_a_fingerprint_depends_on_values_and_not_on_their_order():
    assert fingerprint({"a": 1, "b": [2, {"c": 3}]}) == fingerprint({"b": [2, {"c": 3}], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


def test_a_stage_with_the_same_fingerprint_goes_on(store):
    first, _ = open_stage(store, STAGE, wanted("x"))
    store.write(f"{STAGE}/unit-000000.parquet", b"rows")
    again, aside = open_stage(store, STAGE, wanted("x"))
    assert aside is None and again == first
    assert store.exists(f"{STAGE}/unit-000000.parquet")


def test_a_stage_with_another_fingerprint_is_set_aside_whole(store):
    old, _ = open_stage(store, STAGE, wanted("x"))
    store.write(f"{STAGE}/unit-000000.parquet", b"rows that were paid for")
    new, aside = open_stage(store, STAGE, wanted("y"))
    assert store.names(STAGE) == ["manifest.json"]
    assert aside is not None and aside.endswith(old.fingerprint)
    assert store.read(f"{aside}/unit-000000.parquet") == b"rows that were paid for"
    assert Manifest.read(store, aside) == old and Manifest.read(store, STAGE) == new


def test_setting_aside_the_same_version_twice_keeps_both(store):
    for prompt in ("x", "y", "x", "y"):
        open_stage(store, STAGE, wanted(prompt))
    assert len(store.names("set-aside")) == 3


def test_units_that_nobody_vouches_for_are_set_aside(store):
    store.write(f"{STAGE}/unit-000000.parquet", b"from where?")
    _, aside = open_stage(store, STAGE, wanted("x"))
    assert aside is not None and aside.endswith("unknown")


def test_a_stage_that_has_not_begun_has_no_manifest(store):
    assert Manifest.read(store, STAGE) is None
