"""What a Chinese sentence says of its drugs: not to be given for an allergy, stopped, taken now.

Patterns over the sentence with every drug written as as many M as it has characters, so that a list
("停用阿司匹林、氯吡格雷") is told by its shape and places stay what they are.
"""

from __future__ import annotations

import re

_CLAUSE = re.compile("[，,；;。：:]")
_AND = "(?:[、/和及与或]|以及)"
_DRUGS_BEFORE = f"(?:M+{_AND})*$"
_MORE = f"(?:{_AND}(?:M+|[^，,。；;、/和及与或以M抗治予给服用后无未]{{1,6}}))*"
_CLASS = "(?:类|等|药物|制剂|注射液){0,3}"
# "青霉素类药物过敏", "青霉素、头孢均过敏", but "氯雷他定抗过敏", "青霉素过敏者禁用".
_ALLERGY_AFTER = re.compile(
    rf"{_CLASS}{_MORE}{_CLASS}(?:均|都|有){{0,2}}(?P<no>[不无未])?有?"
    "(?P<word>(?:药物)?(?<!抗)过敏(?:反应|史)?)(?![者原])"
)
_ALLERGY_BEFORE = re.compile(rf"(?P<word>过敏(?:史|药物|原)?)(?:[:：为]|有)[:：]?{_DRUGS_BEFORE}")
_STOP = "(?:停用|停服|停止(?:使用|服用|应用|口服))"
_STOP_BEFORE = re.compile(f"(?P<stop>{_STOP})了?{_DRUGS_BEFORE}")
_STOP_AFTER = re.compile(
    rf"(?:{_AND}M+)*[^，,。；;、M未不勿没]{{0,8}}(?P<stop>{_STOP}|停药)(?!了?M)"
)
# "未停用", "不能停用", "若出血停用": it is taken.
_NOT_STOPPED = re.compile(
    "(?:[未不勿没]|不[要能可得宜应]|没有|不可以)(?:自行|随意|突然|擅自)?$"
    "|(?:如|若|一旦|必要时|是否|能否|可否)[^。；;]*$"
)
_TAKES = re.compile("口服|服用|服|予|给予|应用|使用|吸入|注射")
_EVERY_DAY = re.compile(
    r"每[日天晚早晨周]|[一二三四\d]日[一二三四\d]次|次/[日天]|/[日天d]|\b(?:qd|bid|tid|qid|qn|qod)\b",
    re.I,
)
_OVER = re.compile("既往|以前|曾|当时|愈|停|疗程|好转|缓解|[天周日]后")


def allergy_words(drugs: str, start: int, end: int) -> tuple[tuple[int, int], bool] | None:
    """Where the word for an allergy to the drug at [start, end) stands, and whether it is denied.

    Args:
        drugs: the sentence, with its drugs as M.
    """
    if (after := _ALLERGY_AFTER.match(drugs, end)) is not None:
        return after.span("word"), after["no"] is not None
    if (before := _ALLERGY_BEFORE.search(drugs[:start])) is not None:
        return before.span("word"), False
    return None


def is_stopped(drugs: str, start: int, end: int) -> bool:
    """Whether the drug at [start, end) is not taken any more."""
    phrase = _STOP_BEFORE.search(drugs[:start]) or _STOP_AFTER.match(drugs, end)
    return phrase is not None and _NOT_STOPPED.search(drugs[: phrase.start("stop")]) is None


def is_taken_now(drugs: str, start: int, end: int) -> bool:
    """Whether a clause behind a past history tells how the drug at [start, end) is taken.

    "既往高血压病史，口服氨氯地平5mg每日一次", but not in the course of what passed.
    """
    borders = [match.start() for match in _CLAUSE.finditer(drugs)]
    first = max((border for border in borders if border < start), default=0)
    last = min((border for border in borders if border >= end), default=len(drugs))
    return (
        first > 0
        and _TAKES.search(drugs, first, start) is not None
        and _EVERY_DAY.search(drugs, end, last) is not None
        and _OVER.search(drugs, first) is None
    )
