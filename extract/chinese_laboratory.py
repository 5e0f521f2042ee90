"""Phenotypes that laboratory results of a Chinese note are: "血钠118 mmol/L" is hyponatremia.

A test's name of `data/laboratory_zh.tsv` with a value or a word for one behind it becomes a
mention; what the result shows is of the same table of tests as in English (`laboratory`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from spacy.tokens import Doc, Span

from ..core.han import simplified
from ..graph.laboratory import tests_by_name
from .context.values import forget_mentions
from .laboratory import LaboratoryComponent, Results, pressure_results, stated_results
from .tables import table_rows
from .tokens import text_of

_PRESSURE = "blood pressure"
# That a test's name with a result beside it is one; by judgement.
_PROBABILITY = 0.9
_VERDICTS = {
    **dict.fromkeys(("升高", "增高", "偏高", "过高", "↑"), "high"),
    **dict.fromkeys(("降低", "下降", "减低", "减少", "偏低", "过低", "↓"), "low"),
    **dict.fromkeys(("正常", "未见异常", "无异常"), "normal"),
    **dict.fromkeys(("阳性", "(+)", "（+）"), "positive"),
    **dict.fromkeys(("阴性", "(-)", "（-）"), "negative"),
}
# As they are written, and as `graph.units` has them.
_UNITS = {"次/分": "/min", "次/分钟": "/min", "℃": "°C", "度": "°C", "×10⁹/L": "10*9/L"}
_VERDICT = "|".join(map(re.escape, _VERDICTS))
# What is not of blood: a glucose of the spinal fluid.
_OTHER_SPECIMEN = re.compile(r"(?:脑脊液|胸水|腹水|胸腔积液|腹腔积液|尿)[^，,。；;]{0,6}$")
_CHILD = re.compile(r"患儿|新生儿|(?<!\d)(?:\d|1[0-5])岁|\d{1,2}个月[，,男女大]")


def add_chinese_tests(doc: Doc, laboratory: LaboratoryComponent) -> Doc:
    """Take the tests that have a result in a Chinese note up into `doc.spans["mentions"]`.

    Args:
        laboratory: knows the phenotypes of the graph.
    """
    if not doc._.note:
        return doc
    text = simplified(text_of(doc))
    doc._.of_child = _CHILD.search(text) is not None
    mentions = list(doc.spans["mentions"])
    for match in _pattern().finditer(text):
        name = _names()[match["name"].lower()]
        test = doc.char_span(match.start(), match.end("name"), label="Procedure")
        specimen = "尿" not in match["name"] and _OTHER_SPECIMEN.search(text, 0, match.start())
        if test is None or specimen:
            continue
        results = laboratory.known(_results(name, _stated(match), test))
        if results is None:
            continue
        test._.probability, test._.results = _PROBABILITY, results
        # A verdict is no finding of its own ("血钾降低"), and neither is a part of the name.
        end = doc.char_span(match.start(), match.end(), alignment_mode="expand")
        assert end is not None  # since it is expanded
        mentions = [m for m in mentions if m.end <= end.start or m.start >= end.end]
        mentions.append(test)
    doc.spans["mentions"] = sorted(mentions, key=lambda mention: mention.start)
    forget_mentions(doc)
    return doc


def _results(name: str, stated: Mapping[str, str | float], mention: Span) -> Results | None:
    if name == _PRESSURE:
        return pressure_results(stated, mention.doc)
    return stated_results(tests_by_name()[name], stated, mention)


def _stated(match: re.Match[str]) -> dict[str, str | float]:
    """The value, the unit and the verdict, as `values.measurement` gives them."""
    stated: dict[str, str | float] = {}
    if match["value"]:
        stated["value"] = match["bound"] + match["value"]
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
    names = "|".join(re.escape(name) for name in sorted(_names(), key=len, reverse=True))
    units = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
    return re.compile(
        rf"(?<![A-Za-z\d])(?P<name>{names})(?![A-Za-z])"
        r"(?:（[^（）\s]{1,12}）|\([^()\s]{1,12}\))?(?:水平|浓度|计数|测定|检查|值|定量)?"
        rf"(?:\s?(?P<word>{_VERDICT})"
        r"|(?:\s?(?:[：:=]|为|约|是|达|波动于))?(?:升高至|降至|下降至)?\s?(?P<bound>[<>＜＞≤≥]?)\s?"
        r"(?P<value>\d{1,3}/\d{1,3}(?!\d)|\d{1,6}(?:\.\d{1,3})?)"
        rf"(?:\s?(?P<unit>{units}|[×x*]?\s?10[\^*]\d{{1,2}}/L|[a-zA-Zμµ%°]{{1,6}}(?:/[a-zA-Z]{{1,3}})?))?"
        rf"(?:\s?[(（,，]?(?P<verdict>{_VERDICT}))?)",
        re.IGNORECASE,
    )
