"""What a Chinese sentence says of its drugs: not to be given for an allergy, stopped, taken now.

Patterns around a list of drugs ("停用阿司匹林、氯吡格雷"), of which all is said that is said of it.
Every drug is written as as many M as it has characters, so that places stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_WINDOW = 60  # characters on each side of a list that may tell of it
_BORDERS = "，,；;。：:"
_DIGITS = "\\d一二两三四五六七八九十半数"

_AND = "(?:[、/和与或]|以及|及(?!时))"
_CLASS = "(?:类|等|药物|制剂|注射液){0,3}"
_LIST = re.compile(f"M+(?:{_CLASS}{_AND}M+)*")

_TAKES = re.compile("服|予|应用|使用|吸入|注射")

_OTHER = f"[^{_BORDERS}、/和及与或以M抗治处予给服用有后无未]{{1,6}}"
# "青霉素类药物过敏", "青霉素、头孢均过敏", but "氯雷他定抗过敏", "氯雷他定过敏症状缓解".
_ALLERGY_AFTER = re.compile(
    rf"{_CLASS}(?:{_AND}(?:M+|(?P<other>{_OTHER}))){{0,8}}{_CLASS}(?:均|都|有){{0,2}}"
    "(?P<no>[不无未])?有?(?P<word>(?:药物)?(?<!抗)过敏(?:反应|史)?)(?!症状|缓解|好转|减轻)"
)
# Behind it, of others or of what isn't known: "青霉素过敏者禁用", "青霉素过敏试验".
_UNSTATED = re.compile("的?(?:患|病(?!史)|人|者)|原|试验|实验|测试|不[详明清]|未知|待")
_DENIED = re.compile("[:：](?:无|否|阴)")  # behind it: "青霉素过敏史：无"
# Behind it, of a drug that is taken: "予肾上腺素过敏性休克好转".
_TREATED = re.compile("性|缓解|好转|减轻")
# "过敏史：青霉素", but neither "抗过敏：氯雷他定" nor "皮肤过敏：氯雷他定".
_ALLERGY_BEFORE = re.compile(
    rf"(?P<word>(?<![抗脱疗])过敏(?:史|药物|原)|(?:^|(?<=[{_BORDERS}、\s有往物]))过敏)"
    "(?:[:：为]|有)[:：]?$"
)
_DOSE = re.compile(r"\s*\d+(?:\.\d+)?\s*(?:m|u|μ)?g", re.I)

_STOP = "(?:停用|停服|停止(?:使用|服用|应用|口服))"
_STOP_BEFORE = re.compile(f"(?P<stop>{_STOP})了?(?:口服|服用|使用|原有?){{0,2}}$")
# "改用利伐沙班并停用抗凝药" goes on behind the word for stopping: it is said of something else.
_STOP_AFTER = re.compile(
    rf"[^{_BORDERS}、M未不勿没]{{0,8}}(?P<stop>{_STOP}|停药)了?"
    rf"(?=[{_BORDERS}！!()（）\s]|$|后|至今|[已约近]*[{_DIGITS}]+余?个?(?:天|日|周|月|年|小时))"
)
# Of the clause before the stop: "未停用", "无需停用", "建议3月后停用", "若出血停用".
_NOT_STOPPED = re.compile(
    "(?:[未不勿没需须必可宜]|(?<!反)应|不[要能得会]|不同意|拒绝|无法|没有|可以|避免|考虑)(?:自行|随意|突然|擅自|予|再)?$"
    r"|拟(?![行诊])|待(?!查)|建议|计划|如(?![下前上])|若|一旦|必要时|[是能可]否"
)
# "如出血，应停用", but "如有不适随诊，已停用".
_CONDITION = re.compile(
    rf"(?:^|[{_BORDERS}])(?:如(?![下前上])|若|一旦)[^{_BORDERS}]*[，,](?![已现今故遂])[^{_BORDERS}]*$"
)
# Behind the stop: "停用阿司匹林前评估风险", "停用1周，术后恢复使用".
_STOP_UNDONE = re.compile(
    f"^[前可会？?]|(?:恢复|重新|再次)(?:使用|口服|服用|应用|给药|用药)(?=[{_BORDERS}]|$)"
)
_RESUMED = re.compile(
    "(?:恢复|继续|重新|再次|改|换)(?:使用|口服|服用|应用|给予|加用|启用|[用服予为])?"
    f"(?:原有?|[^{_BORDERS}停]{{0,20}}[、和及与])?$"
)

_EVERY_DAY = re.compile(
    r"每[日天晚早晨周]|[一二三四\d]日[一二三四\d]次|次/[日天]|/(?:[日天]|d(?![a-z]))"
    r"|(?:qd|bid|tid|qid|qn|qod)(?![a-z])",
    re.I,
)
# The course of a treatment is over: "每日两次4周", "，共6个月", but neither "近3天" nor "，3天前".
_OVER = re.compile(
    "既往|以前|曾|当时|愈|停|疗程|好转|缓解|[天周日]后"
    rf"|[，,次共续服用药疗×xdn]\s*约?(?:[{_DIGITS}]+余?个?(?:天|周|月)|半年)(?![前来内{_DIGITS}])",
    re.I,
)


class DrugList(NamedTuple):
    """Drugs at [start, end) of a sentence, and the text around them."""

    start: int
    end: int
    before: str
    after: str


def drug_lists(drugs: str) -> Iterator[DrugList]:
    """The lists of drugs of a sentence, in which each drug is written as M, in order."""
    for match in _LIST.finditer(drugs):
        start, end = match.span()
        before, after = drugs[max(0, start - _WINDOW) : start], drugs[end : end + _WINDOW]
        yield DrugList(start, end, before, after)


def allergy_words(drugs: DrugList) -> tuple[tuple[int, int], set[str]] | None:
    """Where the word for an allergy to drugs stands, and the categories that it gives them."""
    if (after := _ALLERGY_AFTER.match(drugs.after)) is not None:
        # "服阿司匹林及海鲜过敏", "口服阿司匹林无过敏": they are taken.
        treated = _TREATED.match(drugs.after, after.end())
        if (after["other"] or after["no"] or treated) and _TAKES.search(_clause(drugs.before)):
            return None
        word = drugs.end + after.start("word"), drugs.end + after.end("word")
        if _UNSTATED.match(drugs.after, after.end()):
            return word, {"hypothetical"}
        denied = after["no"] or _DENIED.match(drugs.after, after.end())
        return word, {"allergy", "negated"} if denied else {"allergy"}
    before = _ALLERGY_BEFORE.search(drugs.before)
    if before is not None and _DOSE.match(drugs.after) is None:
        at = drugs.start - len(drugs.before)
        return (at + before.start("word"), at + before.end("word")), {"allergy"}
    return None


def is_stopped(drugs: DrugList) -> bool:
    """Whether drugs are not taken any more."""
    if (before := _STOP_BEFORE.search(drugs.before)) is not None:
        words, behind = drugs.before[: before.start()], drugs.after
    elif (after := _STOP_AFTER.match(drugs.after)) is not None:
        words = f"{drugs.before}M{drugs.after[: after.start('stop')]}"
        behind = drugs.after[after.end() :]
    else:
        return False
    return not (
        _NOT_STOPPED.search(_clause(words))
        or _CONDITION.search(words)
        or _STOP_UNDONE.search(behind)
    )


def is_resumed(before: str) -> bool:
    """Whether the text before a drug tells that it is given again or instead of another."""
    return _RESUMED.search(before[-_WINDOW:]) is not None


def is_taken_now(drugs: DrugList) -> bool:
    """Whether a clause behind a past history tells how drugs are taken.

    "既往高血压病史，口服氨氯地平5mg每日一次", but not in the course of what passed.
    """
    clause = _clause(drugs.before)
    behind = re.split(f"[{_BORDERS}]", drugs.after, maxsplit=1)[0]
    return (
        len(clause) < len(drugs.before)
        and _TAKES.search(clause) is not None
        and _EVERY_DAY.search(behind) is not None
        and _OVER.search(clause + drugs.after) is None
    )


def _clause(text: str) -> str:
    """What stands behind the last border of a clause."""
    return text[max(text.rfind(border) for border in _BORDERS) + 1 :]
