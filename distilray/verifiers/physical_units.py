"""Units that an answer may carry: stripped to compare numbers, converted where both sides name one."""

from __future__ import annotations

import re
from fractions import Fraction

_TABLE = {
    "length": {
        "mm millimeter millimeters millimetre millimetres 毫米": "1/1000",
        "cm centimeter centimeters centimetre centimetres 厘米": "1/100",
        "dm decimeter decimeters 分米": "1/10",
        "m meter meters metre metres 米": "1",
        "km kilometer kilometers kilometre kilometres 千米 公里": "1000",
        "in inch inches 英寸": "0.0254",
        "ft foot feet 英尺": "0.3048",
        "yd yard yards 码": "0.9144",
        "mi mile miles 英里": "1609.344",
    },
    "mass": {
        "mg milligram milligrams 毫克": "1/1000",
        "g gram grams 克": "1",
        "kg kilogram kilograms 千克 公斤": "1000",
        "斤": "500",
        "ton tons tonne tonnes 吨": "1000000",
        "oz ounce ounces 盎司": "28.349523125",
        "lb lbs pound pounds 磅": "453.59237",
    },
    "time": {
        "s sec second seconds 秒 秒钟": "1",
        "min mins minute minutes 分钟": "60",
        "h hr hrs hour hours 小时 时": "3600",
        "day days 天 日": "86400",
        "week weeks 周 星期": "604800",
    },
    "volume": {
        "ml milliliter milliliters millilitre millilitres 毫升": "1/1000",
        "l liter liters litre litres 升": "1",
    },
    "dollars": {"$ usd dollar dollars 美元 美金": "1", "cent cents ¢ 美分": "1/100"},
    "yuan": {"¥ cny rmb yuan 元 块 块钱 元钱 人民币": "1", "角": "1/10"},
    "euros": {"€ eur euro euros 欧元": "1"},
    "angle": {"° degree degrees 度": "1"},
}
_UNITS = {
    name: (dimension, Fraction(factor))
    for dimension, group in _TABLE.items()
    for names, factor in group.items()
    for name in names.split()
}
_SQUARE = re.compile(r"^(?:square\s*|sq\.?\s*|平方)(.+)$|^(.+?)\s*(?:\^\{?2\}?|²)$")
_CUBE = re.compile(r"^(?:cubic\s*|立方)(.+)$|^(.+?)\s*(?:\^\{?3\}?|³)$")
_PREFIX = re.compile(r"^(-?)\s*(?:\\?\$|US\$|USD|￥|¥|€|£|RMB)\s*(-?[\d.(\\].*)$")
_SIGN = {"$": "dollars", "US$": "dollars", "USD": "dollars", "￥": "yuan", "¥": "yuan", "RMB": "yuan", "€": "euros"}
_WORD = r"[A-Za-z°¢$€\u4e00-\u9fff](?:[A-Za-z.°\u4e00-\u9fff]|-(?=[A-Za-z]))*(?:[\^{}²³23]{1,4})?"
_WORDS = re.compile(rf"^(.*?[\d)}}%])(\s*)({_WORD}(?:(?:\s*/\s*|\s+){_WORD})*)\s*[.。]?$", re.DOTALL)
_LONGEST = 300  # characters of a quantity
_EXPRESSION_WORDS = frozenset(["pi", "e", "i", "x", "y", "z", "n", "k", "a", "b", "c", "t", "r", "and", "or"])

Unit = tuple[str, Fraction]


def split_unit(text: str) -> tuple[str, Unit | None]:
    """`text` without a unit at its end (or a currency sign before it), and that unit if it is a known one.

    Words that are no unit we know (apples, 个, students) are dropped as well: they count things.
    """
    money = _PREFIX.match(text)
    if money:
        sign = text[len(money[1]) :].strip().lstrip("\\")
        dimension = next((d for s, d in sorted(_SIGN.items(), reverse=True) if sign.startswith(s)), "money")
        rest, unit = split_unit(money[1] + money[2])
        return rest, unit or (dimension, Fraction(1))
    match = _WORDS.match(text) if len(text) <= _LONGEST else None
    if not match or "\\" in match[3]:
        return text, None
    number, space, words = match[1], match[2], match[3].strip()
    if words.lower() in _EXPRESSION_WORDS or (not space and len(words) == 1 and words.isascii() and words.isalpha()):
        return text, None  # 5x, 2n, 3m: an expression, not a quantity
    if not space and re.fullmatch(r"[A-Za-ln-z]\s*(?:\^\{?\d\}?|[²³])", words):
        return text, None  # 3s^2
    return number, unit_of(words)


def unit_of(words: str) -> Unit | None:
    """The dimension and factor of a unit's name, or None: "km/h" is ("length/time", 1000/3600)."""
    words = words.strip().rstrip(".")
    if "/" in words or "每" in words or " per " in words:
        above, _, below = re.sub(r"\s*(?:每|\bper\b)\s*", "/", words).partition("/")
        one, other = unit_of(above), unit_of(below)
        if one and other:
            return f"{one[0]}/{other[0]}", one[1] / other[1]
        return None
    for pattern, power in ((_SQUARE, 2), (_CUBE, 3)):
        match = pattern.match(words)
        if match:
            base = unit_of(next(group for group in match.groups() if group))
            if base is None or base[0] != "length":
                return None
            if power == 3:
                return "volume", base[1] ** 3 * 1000
            return "area", base[1] ** 2
    return _UNITS.get(words) or _UNITS.get(words.lower())
