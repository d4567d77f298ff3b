"""Refusals and cut-off replies, recognised by their text alone."""

from __future__ import annotations

# ruff: noqa: E501 - lists of phrases, one alternative a line
import re

from distilray.verifiers.verdict import Verdict, right, wrong

_OPENING = 350
_REFUSALS = {
    "en": re.compile(
        r"\bI(?:'m| am)?\s*(?:really |very |truly |so )?(?:sorry|afraid)\b(?:[^.!?\n]{0,80}?\b(?:I|we|must)\b|,? but\b)[^.!?\n]{0,30}?\b(?:can(?:'|no)t|cannot|can not|unable|won't|not able|decline|not (?:comfortable|allowed|permitted))"
        r"|\bI (?:can(?:no|')t|can not|won't|will not|am (?:not able|unable)|'m (?:not able|unable)|must (?:decline|refuse)|have to (?:decline|refuse)|refuse|decline) "
        r"(?!wait\b|believe\b|stop\b|resist\b|imagine\b|begin\b|even begin\b|give (?:up|in)\b|help (?:but|it|myself|\w+ing)\b|\w+ (?:enough|sufficient)\b)"
        r"(?:in good conscience,? )?(?:to )?(?:\w+ ){0,2}?(?:help|assist|provide|answer|comply|fulfill?|do that|create|write|generate|support|engage|discuss|share|give|continue|offer|respond|participate)(?! (?:but|enough)\b)"
        r"|\bI(?:'m| am) (?:unable|not able) to (?:\w+ )?(?:help|assist|provide|answer|comply|fulfill?|create|write|generate|access|browse|open|view|respond)"
        r"|\bas an? (?:AI|artificial intelligence|language model|large language model)\b[^.!?\n]{0,100}\b(?:can(?:no|')t|cannot|unable|not able|don't have (?:the ability|access)|do not have (?:the ability|access)|do not|don't)"
        r"|\b(?:is|goes|would be) against (?:my|our|OpenAI's|the) (?:\w+ )?(?:guidelines|policy|policies|principles|programming)"
        r"|\bI(?:'d| would) (?:rather not|prefer not to)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"(?:很|非常|十分)?(?:抱歉|对不起|不好意思|遗憾)[^。！？\n]{0,40}?(?:不能|无法|不可以|没法|没有办法|不便|不会|不支持|不具备)"
        r"|我(?:不能|无法|不可以|没有办法|没法|不便|拒绝)(?:为您|为你|向您|向你|给您|给你|直接|继续)?(?:提供|帮助|协助|回答|满足|完成|生成|撰写|讨论|参与|执行|支持|处理|访问|打开|查看)"
        r"|(?:作为|身为)(?:一[个名款])?(?:人工智能|AI|语言模型|大型语言模型|大语言模型|智能助手)[^。！？\n]{0,60}?(?:不能|无法|没有能力|不具备|不会)"
        r"|(?:不符合|违反)(?:我的|相关|法律|道德|平台)?(?:使用|政策|规定|准则|原则|法律法规)[^。]{0,30}(?:不能|无法|拒绝)"
        r"|请(?:您|你)?换(?:一)?个(?:话题|问题)",
        re.IGNORECASE,
    ),
}  # fmt: skip
_ENDS = (*tuple(".!?。！？…\"'”’)）]】}」』`*|~>：:;；%℃°$€_-="), "\\]", "\\)")
_CONNECTS = re.compile(
    r"(?:,|，|、|\b(?:and|or|but|the|a|an|of|to|in|with|for|is|are|was|because|so|that|which|as|by|if|then)|[的和与或是在把被将为因而且但])\s*$",
    re.IGNORECASE,
)


def is_refusal(text: str, language: str = "") -> bool:
    """Whether a reply declines its task. Only its opening counts: a long answer that mentions what it cannot do is
    no refusal, nor is "I can't help but smile" or what somebody in a story says. `language` "en" or "zh" reads with that language's phrases alone; else with all."""
    _, closed, after = text.rpartition("</think>")
    opening = (after if closed and after.strip() else text).strip()[:_OPENING].replace("’", "'")
    patterns = [_REFUSALS[language]] if language in _REFUSALS else list(_REFUSALS.values())
    return any(not _quoted(opening, match.start()) for pattern in patterns for match in pattern.finditer(opening))


def _quoted(text: str, place: int) -> bool:
    """Whether a place lies in a quotation that does not begin the text: what somebody in a story says."""
    before = text[:place]
    inside = before.count('"') % 2 == 1 or before.count("“") > before.count("”")
    return inside and not text.startswith(('"', "“"))


def is_truncated(text: str) -> bool:
    """Whether a reply stops before its end: inside a thought, code fence, formula or box, or in mid-sentence.

    A heuristic, for replies whose finish_reason is unknown; where it is known, trust that instead.
    """
    said = text.rstrip()
    if not said:
        return True
    if said.count("<think>") > said.count("</think>"):
        return True
    if len(re.findall(r"(?m)^\s*(?:```|~~~)", said)) % 2:
        return True
    if said.count("\\[") > said.count("\\]") or said.count("\\(") > said.count("\\)") or said.count("$$") % 2:
        return True
    if any(
        said.count(f"\\begin{{{name}}}") > said.count(f"\\end{{{name}}}")
        for name in set(re.findall(r"\\begin\{(\w+\*?)\}", said))
    ):
        return True
    boxed = said.rfind("\\boxed{")
    if boxed >= 0 and said[boxed:].count("{") > said[boxed:].count("}"):
        return True
    return _stops_in_mid_sentence(said)


def _stops_in_mid_sentence(said: str) -> bool:
    last = said.splitlines()[-1].strip()
    if said.endswith(_ENDS):
        return False
    if _CONNECTS.search(last):
        return True
    # Short last lines are answers, titles, list items, code; a long line of prose without an end was cut.
    if re.match(r"(?:[-*+•#>|]|\d+[.)、]|    |\t)", said.splitlines()[-1]):
        return False
    if "####" in last or re.search(r"[\d\w]\s*=\s*\S+$", last):
        return False
    words = len(re.findall(r"[A-Za-z]+", last)) + len(re.findall("[一-鿿]", last)) / 1.5
    return words > 15


def verify_refusal(answer: str, reference: bool | None = None, *, language: str = "") -> Verdict:
    """Right if `answer` is a whole reply: neither a refusal nor cut off. With `reference` True a refusal is the
    expected reply."""
    if reference:
        refused = is_refusal(answer, language)
        return right("a refusal, as wanted", refusal=True) if refused else wrong("not a refusal", refusal=False)
    if not answer.strip():
        return wrong("empty", refusal=False, truncated=False)
    if is_refusal(answer, language):
        return wrong("a refusal", refusal=True, truncated=False)
    if is_truncated(answer):
        return wrong("cut off before its end", refusal=False, truncated=True)
    return right("a whole reply", refusal=False, truncated=False)
