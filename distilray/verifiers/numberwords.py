"""Numbers written as words, Chinese and English, as digits: 三分之二 -> 2/3, 一百二十三 -> 123, forty-two -> 42."""

from __future__ import annotations

import re
from fractions import Fraction

_DIGITS = {**{c: n for n, c in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_BIG = {"万": 10**4, "亿": 10**8}
_WORD = "[零〇一二两三四五六七八九十百千万亿]"
_NUMERAL = rf"(?:\d+(?:\.\d+)?|{_WORD}+(?:点[零〇一二三四五六七八九]+)?)"
_HUNDREDTHS = re.compile(rf"百分之({_NUMERAL})")
_PARTS = re.compile(rf"(?:({_NUMERAL})又)?({_NUMERAL})分之({_NUMERAL})")
_MIXED = re.compile(r"(\d+)又(\d+)/(\d+)")
_SCALED = re.compile(r"(\d+(?:\.\d+)?)\s*([十百千万亿]+)")
_CHINESE = re.compile(
    rf"(负)?(?<![第统唯万专])(?!一[共样些起定直般旦切致下会边方路向同种])(?![一二三四五六七八九]+[角边])(?!十分)"
    rf"({_WORD}+(?:点[零〇一二三四五六七八九]+)?)(?![{''.join(_DIGITS)}])"
)

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_ENGLISH = {word: n for n, word in enumerate(_ONES)}
_ENGLISH |= {
    w: 10 * n for n, w in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PIECES = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PIECES |= {"eighth": 8, "ninth": 9, "tenth": 10}
_PIECES |= {name + "s": n for name, n in _PIECES.items() if not name.endswith("s")}
_ANY = "|".join(sorted([*_ENGLISH, *_SCALES, "dozen"], key=len, reverse=True))
_RUN = re.compile(rf"\b(?:{_ANY})(?:(?:[\s-]+and[\s-]+|[\s-]+)(?:{_ANY}))*\b", re.IGNORECASE)
_FRACTION = re.compile(rf"\b(\d+|a|an|one)[\s-]+({'|'.join(_PIECES)})\b", re.IGNORECASE)
_POINT = re.compile(rf"\b({'|'.join(_ONES)})\s+point((?:[\s-]+(?:{'|'.join(_ONES[:10])}))+)\b", re.IGNORECASE)
_TIMES = re.compile(rf"(?<![\w.,])(\d+(?:\.\d+)?)\s+({'|'.join(_SCALES)})\b", re.IGNORECASE)


def digits_for_words(text: str) -> str:
    """`text` with its number words as digits; words that are not numbers stay."""
    if re.search(r"[一-鿿]", text):
        text = _chinese(text)
    if re.search(r"[A-Za-z]{3}", text):
        text = _english(text)
    return text


def _chinese(text: str) -> str:
    text = _HUNDREDTHS.sub(lambda m: _plain(_value(m[1])) + "%", text)
    text = _PARTS.sub(_part, text)
    text = _MIXED.sub(lambda m: f"{int(m[1]) * int(m[3]) + int(m[2])}/{m[3]}", text)
    text = _SCALED.sub(lambda m: _plain(Fraction(m[1]) * _scale(m[2])), text)
    text = text.replace("一半", "1/2")
    return _CHINESE.sub(lambda m: ("-" if m[1] else "") + _plain(_value(m[2])), text)


def _part(match: re.Match[str]) -> str:
    whole, below, above = (_value(group) if group else Fraction(0) for group in match.groups())
    if not below:
        return match[0]
    return _plain(whole * below + above) + "/" + _plain(below)


def _scale(words: str) -> int:
    product = 1
    for word in words:
        product *= _SMALL.get(word) or _BIG[word]
    return product


def _value(words: str) -> Fraction:
    if words[0].isdigit() and words[0].isascii():
        return Fraction(words)
    whole, _, after = words.partition("点")
    value = Fraction(_whole(whole))
    for place, word in enumerate(after, 1):
        value += Fraction(_DIGITS[word], 10**place)
    return value


def _whole(words: str) -> int:
    if all(word in _DIGITS for word in words):
        return int("".join(str(_DIGITS[word]) for word in words))  # 二〇二四: read digit by digit
    for unit in ("亿", "万"):
        if unit in words:
            high, _, low = words.rpartition(unit)
            return (_whole(high) if high else 1) * _BIG[unit] + (_whole(low) if low else 0)
    total, digit = 0, 0
    for word in words:
        if word in _SMALL:
            total += (digit or 1) * _SMALL[word]
            digit = 0
        else:
            digit = _DIGITS[word]
    return total + digit


def _plain(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return format(float(value), ".12g")


def _english(text: str) -> str:
    text = _POINT.sub(
        lambda m: (
            f"{_ENGLISH[m[1].lower()]}.{''.join(str(_ENGLISH[w.lower()]) for w in re.findall('[A-Za-z]+', m[2]))}"
        ),
        text,
    )
    text = _TIMES.sub(lambda m: _plain(Fraction(m[1]) * _SCALES[m[2].lower()]), text)
    text = _RUN.sub(lambda m: str(_count(re.findall(_ANY, m[0].lower()))), text)
    return _FRACTION.sub(lambda m: f"{m[1] if m[1].isdigit() else 1}/{_PIECES[m[2].lower()]}", text)


def _count(words: list[str]) -> int:
    total, part = 0, 0
    for word in words:
        if word == "dozen":
            part = (part or 1) * 12
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in _SCALES:
            total += (part or 1) * _SCALES[word]
            part = 0
        else:
            part += _ENGLISH[word]
    return total + part
