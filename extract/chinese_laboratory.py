"""Phenotypes that laboratory results of a Chinese note are: "血钠118 mmol/L" is hyponatremia.

A test's name of `data/laboratory_zh.tsv` with a value or a word for one behind it becomes a
mention; what the result shows is of the same table of tests as in English (`laboratory`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cache

from spacy.tokens import Doc, Span

from ..core.han import HAN, simplified
from ..graph.laboratory import tests_by_name
from .context.values import forget_mentions
from .demographics import demographics
from .laboratory import PROBABILITY, LaboratoryComponent, pressure_results, stated_results
from .tables import table_rows
from .tokens import text_of

_PRESSURE = "blood pressure"
_BRACKETS = (("(", ")"), ("（", "）"))
_VERDICTS = {
    **dict.fromkeys(("升高", "增高", "偏高", "过高", "↑"), "high"),
    **dict.fromkeys(("降低", "下降", "减低", "减少", "偏低", "过低", "↓"), "low"),
    **dict.fromkeys(("正常", "未见异常", "无异常"), "normal"),
    **dict.fromkeys(
        ("阳性", *(f"{a}{'+' * n}{b}" for n in (3, 2, 1) for a, b in _BRACKETS)), "positive"
    ),
    **dict.fromkeys(("阴性", *(f"{a}-{b}" for a, b in _BRACKETS)), "negative"),
}
_VERDICT = rf"(?:{'|'.join(map(re.escape, _VERDICTS))})(?![性症])"
# As they are written, and as `graph.units` has them.
_NARROW = str.maketrans("／：", "/:")
_UNITS = {"次/分": "/min", "次/分钟": "/min", "℃": "°C", "度": "°C", "×10⁹/L": "10*9/L"}
_UNIT = (
    rf"(?:{'|'.join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))}"
    r"|[×x*]?\s?10[\^*]\d{1,2}/L|[a-zA-Zμµ%°]{1,6}(?:/[a-zA-Z]{1,3})?)"
)
_VALUE = (
    r"\s?(?:[：:=]|为|约|是|达|波动于)?(?:升高至|降至|下降至)?\s?(?P<bound>[<>＜＞≤≥]?)\s?"
    r"(?P<value>\d{1,3}[/／]\d{1,3}|1[:：]\d{1,6}|\d{1,6}(?:\.\d{1,3})?)(?![\d.万亿]|\s?[-~～—至到/]\s?\d)"
    rf"(?:\s?(?P<unit>{_UNIT}))?+(?!\s?(?:[-~～—至到]\s?\d|时|则))(?:\s?[(（,，]?(?P<verdict>{_VERDICT}))?"
)
# What is not of blood: a glucose of the spinal fluid, the cells of a stool.
_OTHER_SPECIMEN = re.compile(r"(?:(?<!血)液|积液|胸水|腹水|便|痰|(?<!糖)尿)[^，,。；;]{0,6}$")
_LONGEST_SPECIMEN = 12  # characters
_CHILD_BELOW = 16  # years


def add_chinese_tests(doc: Doc, laboratory: LaboratoryComponent) -> Doc:
    """Take the tests that have a result in a Chinese note up into `doc.spans["mentions"]`.

    Args:
        laboratory: knows the phenotypes of the graph.
    """
    if not doc._.note:
        return doc
    text = simplified(text_of(doc))
    age = demographics(text).age
    doc._.of_child = age is not None and age < _CHILD_BELOW
    mentions = list(doc.spans["mentions"])
    starts = [mention.start_char for mention in mentions]
    tests, replaced = list[Span](), set[int]()
    for match in _pattern().finditer(text):
        beside = range(
            max(0, bisect_left(starts, match.start()) - 1), bisect_left(starts, match.end())
        )
        here = [n for n in beside if mentions[n].end_char > match.start()]
        if any(_covers(mentions[n], match) for n in here):
            continue
        if (test := _test(doc, text, match, laboratory)) is not None:
            tests.append(test)
            replaced.update(here)
    kept = [mention for n, mention in enumerate(mentions) if n not in replaced]
    doc.spans["mentions"] = sorted([*kept, *tests], key=lambda mention: mention.start)
    forget_mentions(doc)
    return doc


def _covers(mention: Span, match: re.Match[str]) -> bool:
    """Whether a finding holds a test's name and has letters beside it, or is all that is said: a
    disease ("血小板减少性紫癜"), or a finding that has a name ("血小板减少")."""
    if mention.label_ not in ("Disease", "Symptom"):
        return False
    begins, ends = mention.start_char, mention.end_char
    holds_name = begins <= match.start() and ends >= match.end("name")
    is_longer = begins < match.start() or ends > match.end()
    return holds_name and (is_longer or (match["value"] is None and ends == match.end()))


def _test(
    doc: Doc, text: str, match: re.Match[str], laboratory: LaboratoryComponent
) -> Span | None:
    """A mention of the test, with what its result shows; None where it shows nothing."""
    before = text[max(0, match.start() - _LONGEST_SPECIMEN) : match.start()]
    of_urine = match["name"].startswith("尿")
    name = _names().get(match["name"].lower())
    test = doc.char_span(match.start(), match.end("name"), label="Procedure")
    if name is None or test is None or (not of_urine and _OTHER_SPECIMEN.search(before)):
        return None
    stated = _stated(match)
    if name == _PRESSURE:
        results = pressure_results(stated, doc)
    else:
        results = stated_results(tests_by_name()[name], stated, test)
    test._.probability, test._.results = PROBABILITY, laboratory.known(results)
    return None if results is None else test


def _stated(match: re.Match[str]) -> dict[str, str | float]:
    """The value, the unit and the verdict, as `values.measurement` gives them."""
    stated: dict[str, str | float] = {}
    if match["value"]:
        stated["value"] = match["bound"] + match["value"].translate(_NARROW)
        if unit := match["unit"]:
            stated["unit"] = _UNITS.get(unit, unit)
    if verdict := match["verdict"] or match["word"]:
        stated["interpretation"] = _VERDICTS[verdict]
    return stated


@cache
def _names() -> dict[str, str]:
    """The name that the table of tests has, by each Chinese one in lower case."""
    return {name.lower(): test for name, test in table_rows("laboratory_zh.tsv")}


@cache
def _pattern() -> re.Pattern[str]:
    # Short names are parts of others: "氯化钠".
    names = "|".join(
        rf"(?<![{HAN}]){re.escape(name)}" if len(name) == 1 or name == "葡萄糖" else re.escape(name)
        for name in sorted(_names(), key=len, reverse=True)
    )
    return re.compile(
        rf"(?<![A-Za-z\d])(?P<name>{names})(?![A-Za-z])"
        r"(?:（[^（）\s]{1,12}）|\([^()\s]{1,12}\))?(?:水平|浓度|计数|测定|检查|值|定量)?"
        rf"(?:\s?(?P<word>{_VERDICT})|{_VALUE})",
        re.IGNORECASE | re.ASCII,
    )
