"""Instructions about everyday things in two languages and four types of task, and texts made from them.

    instruction("en", "law", 0)
    # A shop refuses to take back a copper kettle after three days; which rights does the buyer have, and does ...

Those of one task are in three forms, so that ``instruction(..., k)`` and ``instruction(..., k + 1)`` have little in
common, and no two texts are equal below ``DIFFERENT``.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

FORMS: dict[Language, dict[str, tuple[str, str, str]]] = {
    "en": {
        "writing": (
            "Write a short poem about {a} in four lines that rhyme, and let the last line say something new about {b}.",
            "Draft a friendly letter to your neighbour in which you apologise for losing {a} and offer to mend {b}.",
            "Compose the opening of a play in which two strangers meet over {a} while all others talk about {b}.",
        ),
        "physics": (
            "Explain to a curious teenager why {a} behaves differently in space, and what {b} would do there.",
            "Which forces act on {a} when it falls beside {b}, and how do they change without any air around?",
            "Describe step by step how to measure the density of {a} with nothing but water, a scale and {b}.",
        ),
        "history": (
            "Tell the story of how trade in {a} changed small towns along the coast before {b} came from abroad.",
            "Name two causes for the decline of the guilds that made {a}, and compare it with the rise of {b}.",
            "What did ordinary families in the nineteenth century know of {a}, and how did {b} reach them in winter?",
        ),
        "law": (
            "A shop refuses to take back {a} after three days; which rights has the buyer, and does {b} count?",
            "Summarise what a lease for a flat should say about {a}, and who pays once {b} is broken by a guest.",
            "May a landlord forbid {a} in a shared garden, and what has he to prove if somebody complains of {b}?",
        ),
    },
    "zh": {
        "writing": (
            "写一首四行的押韵短诗,主题是{a},最后一行要出人意料地说到{b}。",
            "给楼上的邻居写一封友好的信,为弄丢{a}道歉,并主动提出修理{b}。",
            "写出一部话剧的开场:两个陌生人因为{a}相识,周围的人却都在谈论{b}。",
        ),
        "physics": (
            "向一个好奇的中学生解释,为什么{a}在太空中表现不同,{b}到了那里又会怎样。",
            "{a}在{b}旁边下落时受到哪些力的作用?如果周围没有空气,这些力如何变化?",
            "只用清水、天平和{b},请一步一步说明怎样测量{a}的密度。",
        ),
        "history": (
            "讲一讲{a}的贸易怎样改变了沿海小镇,那时{b}还没有从外国传进来。",
            "举出制作{a}的行会走向衰落的两个原因,并把它与{b}的兴起作比较。",
            "十九世纪的普通人家对{a}知道多少?到了冬天他们又怎样得到{b}?",
        ),
        "law": (
            "商店过了三天拒绝退回{a},买家享有哪些权利?{b}会不会影响结论?",
            "概括租房合同里关于{a}应当写清的内容,以及客人弄坏{b}以后由谁赔偿。",
            "房东能不能禁止在公共花园里放{a}?有人为{b}投诉时他必须证明什么?",
        ),
    },
}
TASKS = tuple(FORMS["en"])
THINGS: dict[Language, tuple[str, ...]] = {
    "en": (
        "a copper kettle", "wild honey", "an old bicycle", "a paper lantern", "a wooden ladder", "salted fish",
        "a wool blanket", "a glass marble", "a clay pot", "fresh bread", "a silver coin", "a garden hose",
        "dried fruit", "a stone bench", "candle wax", "an iron gate", "a straw hat",
    ),
    "zh": (
        "铜茶壶", "野蜂蜜", "旧自行车", "纸灯笼", "木梯子", "腌咸鱼", "羊毛毯", "玻璃弹珠", "陶土罐", "新鲜面包",
        "银硬币", "浇花水管", "果脯", "青石凳", "蜡烛油", "大铁门", "草编帽",
    ),
}  # fmt: skip
DIFFERENT = 17 * 16
"""Instructions of a task and language that all differ."""
QUOTING: dict[Language, str] = {
    "en": ' Use the words "{0}" once in your answer.',
    "zh": '回答里请出现一次英文词组"{0}"。',
}
"""Asks for words of the other language: such a text is still in its own."""
SURE: dict[Language, str] = {"en": "Please, if you can: ", "zh": "如果可以的话,请回答:"}


def instruction(language: Language, task: str, number: int) -> str:
    """The ``number``-th instruction of ``task``."""
    things = THINGS[language]
    first, step = number % len(things), 1 + number // len(things) % (len(things) - 1)
    form = FORMS[language][task][number % 3]
    return form.format(a=things[first], b=things[(first + step) % len(things)])


def quoting(text: str, language: Language, number: int) -> str:
    """``text``, which also asks for words of the other language."""
    other: Language = "zh" if language == "en" else "en"
    return text + QUOTING[language].format(THINGS[other][number % len(THINGS[other])])


COPIES = ("marks", "opening", "thing", "order")
"""How a near-copy differs from its text."""


def near_copy(text: str, language: Language, number: int) -> str:
    """``text`` in another case and with another mark, after an opening, with one thing replaced, or with its second
    part first."""
    how = COPIES[number % len(COPIES)]
    if how == "marks":
        return text.upper()[:-1] + "!"
    if how == "thing":
        return _replaced(text, language, number)
    head, comma, tail = text[:-1].partition(", " if language == "en" else ",")
    return f"{tail}{comma}{head}{text[-1]}" if how == "order" and comma else SURE[language] + text


def _replaced(text: str, language: Language, number: int) -> str:
    """``text`` with the longest of its things replaced by another."""
    there = [thing for thing in sorted(THINGS[language], key=len, reverse=True) if thing in text]
    left = [thing for thing in THINGS[language] if thing not in there]
    return text.replace(there[0], left[number % len(left)])
