"""Format, language, refusal and truncation."""

from __future__ import annotations

import pytest

from distilray.verifiers import detect_language, is_refusal, is_truncated, verify_now

SCHEMA = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("answer", "reference", "is_right"),
    [
        ('{"a": 1}', "json", True),
        ('Here:\n```json\n{"a": 1}\n```', "json", True),
        ('{"a": 1', "json", False),
        ('{"age": 3}', {"type": "json", "schema": SCHEMA}, True),
        ('{"age": "3"}', {"type": "json", "schema": SCHEMA}, False),
        ("- a\n- b\n- c", {"type": "list", "items": 3}, True),
        ("1. a\n2. b", {"type": "list", "items": 3, "style": "numbered"}, False),
        ("一、苹果\n二、梨", {"type": "list", "items": 2, "style": "numbered"}, True),
        ("just prose", {"type": "list"}, False),
        ("abc-12", {"type": "regex", "pattern": r"[a-z]+-\d+"}, True),
        ("one, two", {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}, False),
        ("one two", {"instruction_id_list": ["en:punctuation:no_comma"], "kwargs": [{}]}, True),
    ],
)
def test_format(answer: str, reference: object, is_right: bool):
    assert verify_now("format", answer, reference).right is is_right


def test_a_schemas_violation_is_named():
    assert "$.age" in verify_now("format", '{"age": "3"}', {"type": "json", "schema": SCHEMA}).reason


def test_an_unknown_format_is_undecided():
    assert verify_now("format", "x", "haiku").right is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello there, how are you today?", "en"),
        ("你好，世界", "zh"),
        ("用 Python 写一个 for 循环", "zh"),
        ("设 $f(x)=x^2$, 求 x", "zh"),
        ("The word 你好 means hello in Chinese", "en"),
        ("これはペンです", "ja"),
        ("안녕하세요 여러분", "ko"),
        ("Bonjour tout le monde, comment allez-vous", "fr"),
        ("123 + 4", "unknown"),
        ("```python\nprint(1)\n```", "unknown"),
    ],
)
def test_language(text: str, language: str):
    assert detect_language(text) == language


def test_language_as_a_verdict():
    assert verify_now("language", "你好，世界", "zh").right is True
    assert verify_now("language", "你好，世界", ["en", "fr"]).right is False
    assert verify_now("language", "42", "en").right is None


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "I’m unable to provide that information.",
        "As an AI language model, I do not have personal opinions.",
        "Sorry, this goes against my guidelines.",
        "抱歉，我无法回答这个问题。",
        "作为一个人工智能助手，我不能提供此类信息。",
        "对不起，我不能帮助您完成这个请求。",
        "<think>should I?</think>I must decline to help.",
    ],
)
def test_refusals(text: str):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 5.",
        "Sorry to hear that! Here is a plan that may help you.",
        "A program cannot write outside its folder, which is why it fails.",
        "答案是5。",
        "很抱歉听到这个消息，下面是一些建议。",
        "小明不能买三个苹果，因为钱不够。",
        "First I compute 3 + 4. " * 40 + "I cannot help but notice that it is 7.",
    ],
)
def test_no_refusals(text: str):
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<think>first I compute",
        "```python\ndef f():\n    return",
        r"so \boxed{\frac{1}{2",
        r"\begin{align} x &= 1",
        r"\[ x = 1",
        "We then add the two numbers and",
        "接下来我们把两个数相加，",
        "Because the train leaves at nine and arrives at noon it must have travelled for three hours on the way",
    ],
)
def test_truncated(text: str):
    assert is_truncated(text)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 5.",
        "答案是5。",
        "#### 72",
        r"\boxed{5}",
        "x = 5",
        "- a\n- b",
        "```python\nx\n```",
        "Yes",
        "It works!",
    ],
)
def test_whole(text: str):
    assert not is_truncated(text)


def test_a_reply_is_right_when_it_is_whole_and_no_refusal():
    assert verify_now("refusal", "The answer is 5.", None).right is True
    assert verify_now("refusal", "I cannot help with that.", None).right is False
    assert verify_now("refusal", "I cannot help with that.", True).right is True
    assert verify_now("refusal", "", None).right is False
