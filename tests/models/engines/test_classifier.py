"""An engine that gives labels, in this process: what it reads, what it refuses, how it fills its batches."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from distilray.checkpoints import NotACheckpoint
from distilray.models import (
    ClassifierModel,
    ClassifyRequest,
    LabelReply,
    ModelError,
    PromptTooLong,
    Request,
    ScoreRequest,
    VLLMModel,
    check_model,
)
from distilray.models.engines.classifier import ClassifierEngine
from distilray.models.wire import decode_answers, encode_batch
from tests.support.checkpoints import make_encoder
from tests.support.models import request as prompt

LABELS = {0: "code", 1: "maths", 2: "writing"}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A BERT with a head at random for three labels."""
    import torch
    from transformers import AutoModelForSequenceClassification

    folder = tmp_path_factory.mktemp("classifier")
    path = make_encoder(folder, layers=1)
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(path, id2label=LABELS, label2id={})
    torch.nn.init.normal_(model.classifier.weight, std=2.0)
    model.save_pretrained(folder)
    return path


def changed(classifier: str, to: Path, **config: Any) -> str:
    """A copy of the checkpoint with other values in its config.json; None takes a value away."""
    to.mkdir()
    for file in Path(classifier).iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    values = {**json.loads((to / "config.json").read_text()), **config}
    (to / "config.json").write_text(json.dumps({name: value for name, value in values.items() if value is not None}))
    return str(to)


def request(**parts: str) -> ClassifyRequest:
    return ClassifyRequest(parts, "row")


def answers(
    path: str, requests: list[Request], **settings: Any
) -> tuple[list[LabelReply | Exception], ClassifierEngine]:
    """What an engine for the checkpoint at ``path`` makes of ``requests``, in their order."""

    async def ask() -> tuple[list[LabelReply | Exception], ClassifierEngine]:
        engine = ClassifierEngine("tasks/0", ClassifierModel(kind="classifier", path=path, **settings))
        await engine.ready()
        found: dict[int, LabelReply | Exception] = {}
        async for payload in engine.answer(encode_batch(requests)):
            for index, answer in decode_answers(payload).answers:
                found[index] = answer[0] if isinstance(answer, list) else answer.exception()
        return [found[index] for index in range(len(requests))], engine

    return asyncio.run(ask())


def test_a_reply_is_the_likeliest_label_with_the_log_probabilities_of_all(classifier: str) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    texts = ["Tom has 482 apples", "how many are left?", "小明有3个苹果", "a" * 40]
    replies, engine = answers(classifier, [request(conversation=text) for text in texts], batch_size=3)
    tokenizer = AutoTokenizer.from_pretrained(classifier)
    model = AutoModelForSequenceClassification.from_pretrained(classifier).eval()
    for text, reply in zip(texts, replies, strict=True):
        inputs = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            log_probs = model(**inputs).logits[0].log_softmax(-1)
        assert isinstance(reply, LabelReply)
        assert reply.label == LABELS[int(log_probs.argmax())] == next(iter(reply.log_probs))
        expected = {label: pytest.approx(float(log_probs[k]), abs=1e-4) for k, label in LABELS.items()}
        assert reply.log_probs == expected
        assert reply.tokens_in == inputs["input_ids"].shape[1]
    assert engine.replies == 4


def test_texts_of_like_length_share_a_batch(classifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []
    forward = ClassifierEngine._log_probs

    def noted(self: ClassifierEngine, rows: list[list[int]]) -> list[list[float]]:
        seen.append([len(row) for row in rows])
        return forward(self, rows)

    monkeypatch.setattr(ClassifierEngine, "_log_probs", noted)
    texts = [digit * count for digit, count in zip("1234567", (50, 2, 40, 3, 60, 4, 1), strict=True)]
    replies, _ = answers(classifier, [request(conversation=text) for text in texts], batch_size=4)
    assert seen == [[1, 2, 3, 4], [40, 50, 60]]
    assert [reply.tokens_in for reply in replies if isinstance(reply, LabelReply)] == [50, 2, 40, 3, 60, 4, 1]


def test_it_reads_the_parts_that_it_was_trained_on(classifier: str, tmp_path: Path) -> None:
    read = {"reads": ["reasoning", "answer"], "max_length": 32, "long_rows": "reject"}
    path = changed(classifier, tmp_path / "c", distilray=read)
    asked = [
        request(conversation="1" * 20, answer="2" * 3, reasoning="3" * 4),
        request(conversation="1", answer="2"),
        request(answer="2" * 31, reasoning="3"),
    ]
    (whole, lacking, long), _ = answers(path, asked)
    assert isinstance(whole, LabelReply) and whole.tokens_in == 3 + 4 + 1, "with the blank line between"
    assert isinstance(lacking, ModelError) and "reads a row's reasoning, which this row does not have" in str(lacking)
    assert isinstance(long, PromptTooLong) and "the row has 33 tokens" in str(long) and "reads 32" in str(long)


def test_a_long_text_is_cut_where_that_is_asked_for(classifier: str) -> None:
    (reply,), _ = answers(classifier, [request(conversation="1" * 500)], long_rows="truncate")
    assert isinstance(reply, LabelReply) and reply.tokens_in == 160


def test_a_prompt_that_wants_an_answer_is_refused(classifier: str) -> None:
    (error, unscored), _ = answers(classifier, [prompt("2+3?"), ScoreRequest([1, 2], (1,), "row")])
    assert isinstance(error, ModelError) and "a model of kind classifier generates no text" in str(error)
    assert isinstance(unscored, ModelError) and "gives no log-probabilities of tokens" in str(unscored)


def test_a_row_that_does_not_fit_into_memory_fails_alone(classifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def forward(self: Any, input_ids: torch.Tensor, **_: Any) -> Any:
        if input_ids.shape[1] >= 60 or len(input_ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, input_ids=input_ids, **_)

    from transformers import BertForSequenceClassification

    original = BertForSequenceClassification.forward
    monkeypatch.setattr(BertForSequenceClassification, "forward", forward)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    texts = ["1", "22", "333", "4" * 60]
    replies, _ = answers(classifier, [request(conversation=text) for text in texts], batch_size=3)
    assert all(isinstance(reply, LabelReply) for reply in replies[:3])
    assert isinstance(replies[3], ModelError) and "60 tokens does not fit into the GPU's memory" in str(replies[3])


def test_what_a_batch_that_did_not_fit_held_is_free_before_its_halves_are_tried(
    classifier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import weakref

    import torch
    from transformers import BertForSequenceClassification

    held: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def forward(self: Any, input_ids: torch.Tensor, **_: Any) -> Any:
        alive.append(any(one() is not None for one in held))
        activations = torch.ones(8)
        held.append(weakref.ref(activations))
        if len(input_ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, input_ids=input_ids, **_)

    original = BertForSequenceClassification.forward
    monkeypatch.setattr(BertForSequenceClassification, "forward", forward)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    replies, _ = answers(classifier, [request(conversation=text) for text in ("1", "22", "333")], batch_size=3)
    assert all(isinstance(reply, LabelReply) for reply in replies)
    assert len(alive) == 5 and not any(alive)


def test_what_is_no_classifier_is_refused_with_the_remedy(classifier: str, tmp_path: Path, tiny_model: str) -> None:
    encoder = make_encoder(tmp_path / "encoder", layers=1)
    tasks = ClassifierModel(kind="classifier", path=encoder)
    tasks.check()  # as the student of a training it will do
    with pytest.raises(NotACheckpoint, match="BertModel has no classification head; train one"):
        tasks.check_labels()
    with pytest.raises(NotACheckpoint, match="BertForSequenceClassification gives labels, not answers; set `kind"):
        check_model(VLLMModel(path=classifier))
    several = changed(classifier, tmp_path / "several", problem_type="multi_label_classification")
    with pytest.raises(NotACheckpoint, match="its problem_type is multi_label_classification"):
        ClassifierModel(kind="classifier", path=several).check_labels()
    same = changed(classifier, tmp_path / "same", id2label={"0": "a", "1": "a"})
    with pytest.raises(NotACheckpoint, match="two labels or more, each once"):
        ClassifierModel(kind="classifier", path=same).check_labels()
