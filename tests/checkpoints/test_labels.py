"""What a classifier's checkpoint says about itself."""

from __future__ import annotations

from distilray.checkpoints import Reading, label_set, positions_of


def test_checkpoints_from_elsewhere_read_the_conversation() -> None:
    config = {"architectures": ["XForSequenceClassification"], "id2label": {"1": "b", "0": "a", "10": "c"}}
    found = label_set(config, "x")
    assert found.labels == ("a", "b", "c")
    assert found.reading == Reading(("conversation",), None, "reject")
    assert Reading(("answer", "conversation")).text({"conversation": "q", "answer": "a"}) == "a\n\nq"


def test_positions_behind_the_pad_token_are_not_counted() -> None:
    assert positions_of({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}) == 512
    assert positions_of({"model_type": "bert", "max_position_embeddings": 512}) == 512
    assert positions_of({"model_type": "x"}) is None
