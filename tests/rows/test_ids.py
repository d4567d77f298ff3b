"""Ids say where a row came from; hashes say whether two rows say the same."""

from distilray.rows import child_id, content_hash, row_id
from distilray.rows.language import guess_language, language_code


def user(text):
    return [{"role": "user", "content": text}]


def test_ids_name_source_file_and_position_and_children_their_parent():
    assert row_id("gsm8k", "part/train.jsonl", 17) == "gsm8k/part/train.jsonl:17"
    assert child_id("gsm8k/train.jsonl:17", "expand", 0) == "gsm8k/train.jsonl:17/expand.0"


def test_white_space_and_unicode_form_do_not_change_a_hash():
    assert content_hash(user("caf\u00e9  au\nlait ")) == content_hash(user("cafe\u0301 au lait"))


def test_words_roles_turns_and_answers_change_a_hash():
    hashes = {
        content_hash(user("a b")),
        content_hash(user("ab")),
        content_hash([{"role": "system", "content": "a b"}]),
        content_hash(user("a") + user("b")),
        content_hash(user("a b"), "c"),
        content_hash(user("a b"), ""),
    }
    assert len(hashes) == 6


def test_a_hash_is_the_same_tomorrow():
    assert content_hash(user("Add 2 and 3."), "5") == "e6b7301e65d0de2152465873f0c2a81f"


def test_languages_are_guessed_from_the_script():
    assert guess_language("What does 你好 mean in English?") == "en"
    assert guess_language("Scratch Design Studio是什么？") == "zh"
    assert guess_language("用Python写一个函数 def add(a, b)") == "zh"
    assert guess_language("2 + 3") == "en"


def test_what_a_record_says_of_its_language_is_understood_or_left():
    assert [language_code(name) for name in ("zh-CN", "English", "fr", "python")] == ["zh", "en", "fr", None]
