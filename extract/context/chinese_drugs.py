"""What a Chinese sentence says of its drugs: not to be given for an allergy, stopped, taken now.

Patterns around a list of drugs ("停用阿司匹林、氯吡格雷"), of which all is said that is said of it.
Every drug is written as as many M as it has characters, so that places stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

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
    "(?P<no>[不无未])?有?(?P<word>(?:药物)?(?<!抗)过敏(?:反应|史)?+)(?!症状|缓解|好转|减轻)"
)
# Behind it, of others or of what isn't known: "青霉素过敏者禁用", "青霉素过敏试验".
_UNSTATED = re.compile(
    r"的?(?:患|病(?!史)|人|者)|原|(?:试验|实验|测试)(?!.{0,4}(?:阳|[(（]?\+))"
    r"|(?:[:：]\s*)?(?:不[详明清]|未知|待)"
)
_PATIENT_IS = re.compile("(?<![如若])[系为是]对?$")  # "患者系青霉素过敏者" is of this patient
_DENIED = re.compile(r"[:：]\s*(?:无|没|否|阴)")  # behind it: "青霉素过敏史：无"
# What else than drugs people are allergic to.
_NO_DRUG = re.compile("海鲜|虾|蟹|鱼|蛋|奶|花生|坚果|芒果|花粉|螨|粉尘|食物|酒精")
# Behind it, of a drug that is taken: "予肾上腺素过敏性休克好转".
_TREATED = re.compile("性|缓解|好转|减轻")
# "过敏史：青霉素", but neither "抗过敏：氯雷他定" nor "皮肤过敏：氯雷他定".
_ALLERGY_BEFORE = re.compile(
    rf"(?P<word>(?<![抗脱疗])过敏(?:史|药物|原)|(?:^|(?<=[{_BORDERS}、\s有往物]))过敏)"
    "(?:[:：为]|有)[:：]?$"
)
_DOSE = re.compile(r"\s*\d+(?:\.\d+)?\s*(?:m|u|μ)?g", re.I)

_STOP = "(?:停用|停服|停止(?:使用|服用|应用|口服))"
STOP = f"{_STOP}了?(?:口服|服用|使用|原有?){{0,2}}"  # before a drug
_STOP_BEFORE = re.compile(f"{STOP}$")
# "改用利伐沙班并停用抗凝药" goes on behind the word for stopping: it is said of something else.
_STOP_AFTER = re.compile(
    rf"[^{_BORDERS}、M未不勿没]{{0,8}}(?P<stop>{_STOP}|停药)了?"
    rf"(?=[{_BORDERS}！!()（）\s]|$|后|至今|[已约近]*[{_DIGITS}]+余?个?(?:天|日|周|月|年|小时))"
)
# Of the clause before the stop: "未停用", "无需停用", "必须立即停用", …
_HOW = "(?:立即|及时|尽[早快]|逐[渐步]|骤然|提前|自行|随意|突然|擅自|暂时?|[予再])*"
_KEPT = re.compile(
    "(?:[未不勿没无]|[不无未][用需须必要曾得能会敢愿想宜应可]|不同意|不建议|没有|无必要|无法|拒绝|避免)"
    f"{_HOW}$"
)
_NOT_YET = re.compile(
    f"(?:[需须必可宜将]|(?<!反)应|可以|可能|考虑){_HOW}$"
    # "建议3月后停用", "嘱术前停用", but "根据医生建议停用" is done.
    "|(?<!据医[生师])(?<!据医嘱)(?<!按医[生师])(?<!按原)(?<!遵医[生师])(?:建议|计划)"
    "|拟(?![行诊])|待(?!查)|准备|打算|(?<!医)嘱|明[日天]|必要时|[是能可]否"
)
# "如出血，应停用", but neither "如有不适随诊，已停用" nor "如期停用".
_CONDITION = re.compile(
    rf"(?:(?:^|[{_BORDERS}])如(?![下前上图期厕此])|如(?=[有出发果见遇再])|若(?!干)|一旦)"
    "(?![^；;。]*[，,][已现今故遂])[^；;。]*$"
)
# Behind the stop: "停用阿司匹林前评估风险", "停用1周，术后恢复使用".
_STOP_UNDONE = re.compile(
    rf"^[前可会？?]|(?:^|[{_BORDERS}])[^{_BORDERS}M]*?(?<![未不无])(?:恢复|重新|再次)"
    rf"(?:使用|口服|服用|应用|给药|用药)(?=[{_BORDERS}]|$)"
)
_GIVE = "(?:使用|口服|服用|应用|给予|加用|启用|[用服予为])"
_RESUMED = re.compile(
    "(?<![不未勿])(?<!不[能要可宜应得])(?<!拒绝)(?<!暂[缓停不])(?<!无法|未能|没有)"
    f"(?:(?:(?:恢复|重新|再次|改|换){_GIVE}|继续{_GIVE}?)(?:原有?|[^{_BORDERS}停]{{0,20}}[、和及与])?"
    "|(?:恢复|重新|再次|改|换)原?)$"
)

_EVERY_DAY = re.compile(
    r"每[日天晚早晨周]|[一二三四\d]日[一二三四\d]次|次/[日天]|/(?:[日天]|d(?![a-z]))"
    r"|(?:qd|bid|tid|qid|qn|qod)(?![a-z])",
    re.I,
)
# The course of a treatment is over: "每日两次4周", "，共6个月", but neither "近3天" nor "，3天前".
_OVER = re.compile(
    "(?<![未不])愈(?![合加演发来])|疗程|[天周日]后|[，,][已后现]?停"
    rf"|[，,次共续服用药疗程×xdn]\s*约?(?:[{_DIGITS}]+余?个?(?:天|周|月)|半年)(?![前来内以起行{_DIGITS}])",
    re.I,
)
_PASSED = re.compile("既往|以前|曾|当时|(?<!未)停|好转|缓解")  # in the clause of the drug itself


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
        # "服阿司匹林及海鲜过敏", "口服阿司匹林无过敏" tell what is taken, "因服青霉素过敏" doesn't.
        treated = _TREATED.match(drugs.after, after.end())
        is_other = after["other"] is not None and _NO_DRUG.search(after["other"])
        clause = _clause(drugs.before)
        if (is_other or after["no"] or treated) and _TAKES.search(clause) and "因" not in clause:
            return None
        word = drugs.end + after.start("word"), drugs.end + after.end("word")
        if _UNSTATED.match(drugs.after, after.end()) and not _PATIENT_IS.search(drugs.before):
            return word, {"hypothetical"}
        denied = after["no"] or _DENIED.match(drugs.after, after.end())
        return word, {"allergy", "negated"} if denied else {"allergy"}
    before = _ALLERGY_BEFORE.search(drugs.before)
    if before is not None and _DOSE.match(drugs.after) is None:
        at = drugs.start - len(drugs.before)
        return (at + before.start("word"), at + before.end("word")), {"allergy"}
    return None


# Behind the word for an allergy, what the drug did: "过敏（皮疹、发热）", "过敏，表现为皮疹".
_TO_REACTION = re.compile(r"[，,]?\s?(?:[（(：:]|表现为|出现|引起|致)\s?(?:全身|局部|轻度|重度)?")
_NEXT_REACTION = re.compile(r"[、和及伴]")


def reactions_behind(
    text: str, end: int, places: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The mentions that tell what a drug did, where the word for the allergy ends at `end`.

    Args:
        places: [start, end) of the mentions of the sentence that are no drugs, in order.
    """
    reactions, pattern = [], _TO_REACTION
    for start, last in places:
        if start >= end:
            if pattern.fullmatch(text, end, start) is None:
                break
            reactions.append((start, last))
            end, pattern = last, _NEXT_REACTION
    return reactions


def stopping(drugs: DrugList) -> Literal["stopped", "kept"] | None:
    """Whether drugs are not taken any more, or the sentence says that they were not stopped."""
    if (before := _STOP_BEFORE.search(drugs.before)) is not None:
        words, behind = drugs.before[: before.start()], drugs.after
    elif (after := _STOP_AFTER.match(drugs.after)) is not None:
        words = f"{drugs.before}M{drugs.after[: after.start('stop')]}"
        behind = drugs.after[after.end() :]
    else:
        return None
    clause = _clause(words)
    if _KEPT.search(clause):
        return "kept"
    if _NOT_YET.search(clause) or _CONDITION.search(words) or _STOP_UNDONE.search(behind):
        return None
    return "stopped"


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
        and _PASSED.search(clause + behind) is None
        and _OVER.search(clause + drugs.after) is None
    )


def _clause(text: str) -> str:
    """What stands behind the last border of a clause."""
    return text[max(text.rfind(border) for border in _BORDERS) + 1 :]
