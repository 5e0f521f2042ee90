"""Identifiers put into the sentences of real texts, so that many more words stand around them.

Each rule finds a place in a text that names nobody ("his wife", "the hospital", "Thanks, doctor.")
and gives what may stand there instead, a template with slots (`notes.py`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_RULES: Sequence[tuple[str, str]] = (
    (r"\b(?:The|This) patient\b(?!['’])", "{P.mr} {P.last}|{P.first}|{P.full}|{P.first} {P.last}|The patient, {P.full},|Patient {P.last}|{P.mr} {P.full}|{P.last}"),
    (r"(?<=[a-z] )the patient\b(?!['’])", "{P.mr} {P.last}|{P.first}|{P.full}|{P.last}|the patient, {P.first},"),
    (r"\b(?:The|the) patient['’]s\b", "{P.first}'s|{P.mr} {P.last}'s|{P.last}'s|{P.full}'s"),
    (r"(?<=[.!?] )(?:He|She)\b|^(?:He|She)\b", "{P.mr} {P.last}|{P.first}|{P.first}|{P.last}|{P.full}|{N.first}"),
    (r"(?<=[a-z] )(?:he|she)\b(?! or)", "{P.first}|{P.mr} {P.last}|{N.first}"),
    (r"(?<=[a-z] )(?:him)\b", "{P.first}|{P.mr} {P.last}|{N.first}"),
    (r"\b((?:[Hh]is|[Hh]er|[Mm]y|[Tt]heir|[Oo]ur|[Tt]he) (?:wife|husband|mother|father|sister|brother|son|daughter|mom|mum|dad|partner|aunt|uncle|grandmother"
     r"|grandfather|cousin|friend|boyfriend|girlfriend|parents|kids|children|family|siblings|baby|fiance|grandson|granddaughter|roommate|boss))\b(?! (?:and|or|of|in)\b)",
     r"\1 {R.first}|\1, {R.first},|\1 ({R.first})|\1 {R.full}|\1, {R.full},|\1 {R.first} {R.last}|{R.first}|\1 {F} and {F}"),
    (r"\b([Mm]y|[Tt]he|[Hh]er|[Hh]is) (?:doctor|physician|GP|surgeon|psychiatrist|dermatologist|gynecologist|dentist|specialist|pediatrician|cardiologist)\b(?!['’])",
     r"Dr. {D.last}|Dr {D.last}|\g<0> {D.last}|\g<0>, Dr. {D.full},|\g<0> {D.full}|Dr. {D.full}|dr {D.last}"),
    (r"\b(?:the|our|a local|a|another) (?:hospital|clinic|medical center|emergency room|emergency department|ER|institution)\b", "{hospital}|{hospital}|{clinic}|\\g<0> in {town}|{hospital} in {town}"),
    (r"\b(?:at|to|for) work\b", r"at {employer}|at work at {employer}|for {employer}"),
    (r"\b(?:at|to|from) (?:school|college)\b", "at {school}|at school ({school})|to {school}"),
    (r"\b(\d+)[- ]years?[- ]old (man|woman|male|female|boy|girl)\b", r"\1-year-old \2 from {town}|\1 year old \2 named {P.first}|\1-year-old \2, {P.full},|\1-year-old \2 who lives in {town}|{age90}-year-old \2|{age90} year old \2"),
    (r"\b(?:one|two|three|four|five|six|\d+) (?:days|weeks|months|years) (?:ago|earlier|previously|prior)\b", "on {dm}|in {my}|on {date}|in {mon}|around {holiday}|last {mon}|back in {mon}"),
    (r"\b(?:yesterday|last week|last month|this morning|recently|a while ago|a few weeks ago)\b", "on {dm}|in {mon}|on {date}|at {holiday}|on the {spokendm}"),
    (r"\b((?:[Hh]e|[Ss]he|I|[Pp]atient) (?:lives|lived|live|resides|moved|stays))\b", r"\1 in {town}|\1 at {address}|\1 in {town}, {state}"),
    (r"\b((?:works?|worked|employed|working) as an? [a-z]+)\b", r"\1 at {employer}|\1 for {employer} in {town}|\1 in {town}"),
    (r"\bdoctor([.!?])", r"Doctor {D.last}\1|Dr. {D.last}\1|doctor {D.last}\1|{D.first}\1"),
    (r"(?<=[a-z])(,? sir|,? ma['’]am|,? miss)\b", ", {P.mr} {P.last}|, {P.first}|, {P.full}"),
    (r"\b(Okay|Alright|All right|Thanks|Thank you|Hello|Hi|Good morning|Good afternoon|Well|Great|Right|Yes|No|Sorry|Sure|Bye)([.,!?])",
     r"\1, {P.first}\2|\1 {P.first}\2|\1, {P.mr} {P.last}\2|\1 {P.first}\2"),
    (r"\b(today|now|again|soon|then|you|that|there)([?.])", r"\1, {P.first}\2|\1 {P.first}\2|\1, {P.mr} {P.last}\2"),
    (r"(?m)^Doctor:", "Dr. {D.last}:|Doctor {D.last}:|{D.full}:|{D.first}:|DR. {D.last}:"),
    (r"(?m)^Patient:", "{P.first}:|{P.mr} {P.last}:|{P.full}:"),
    (r"(?<=\. )(?=[A-Z])", "{N.first} was there. |Dr. {D.last} agreed. |{R.first} called. |Seen by {D.full}. |{P.first} is well. |Call {phone}. "),
)  # fmt: skip
_COMPILED = [(re.compile(pattern), templates.split("|")) for pattern, templates in _RULES]


def inserted(draw: random.Random, text: str) -> str:
    """A template made of a text: some of the places where somebody may be named hold slots."""
    share = draw.choice((0.15, 0.35, 0.6))
    text = text.replace("{", "(").replace("}", ")")
    for pattern, templates in draw.sample(_COMPILED, len(_COMPILED)):

        def put(match: re.Match[str], templates: Sequence[str] = templates) -> str:
            if draw.random() > share or "{" in match[0]:
                return match[0]
            return match.expand(draw.choice(templates))

        # What was put in stays as it is.
        parts = re.split(r"(\{[^{}]*\})", text)
        text = "".join(part if n % 2 else pattern.sub(put, part) for n, part in enumerate(parts))
    return text
