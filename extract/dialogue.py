"""A visit's dialogue read as dialogue: who says what (component `medkg_dialogue`).

What a clinician asks is no finding; a question that is answered yes or no is one, of what it asks
for: "any fever?" "no" denies a fever. A dialogue is a text whose lines say who speaks ("Doctor: …",
"[patient] …", "D: …"; see `dialogue_turns`). What the patient says, and what the clinician states
(an examination's findings), is read as in any note.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache

from spacy.language import Language
from spacy.tokens import Doc, Span

from .context.attributes import DEFAULTS, change_attributes
from .dialogue_turns import CLINICIAN, PATIENT, Turn, turns_of
from .tokens import StatelessComponent, text_of

_ENDED = re.compile(r"[.?!](?=\s|$)")
# How a clinician's question begins that has no question mark, as recognised speech has none: by
# such words anywhere, by others only at the start ("you have the flu which explains the fever" asks
# nothing).
_OPENING = re.compile(
    r"(?<!\byou )(?<!\bwe )(?<!\bthey )(?<!he )(?<!\bit )(?<!\bthat )(?<!\bi )"
    r"\b(?:(?:have|do|did|are|were|is|does|has|had|was|can|could|would|any)"
    r" (?:you|your|there|it|that|this|the|he|she|they|any)\b"
    r"|(?:how|what) about\b|how (?:is|are|was|long|often|bad|much|many|do|did)\b"
    r"|how 's\b|what 's\b)",
    re.I,
)
_FIRST = re.compile(
    r"(?:(?:and|okay|ok|alright|so|um|uh|yeah|or|then|all right)[\s,]{1,5}){0,6}"
    r"(?:any|what|when|where|which|who|why)\b",
    re.I,
)
_OPEN = re.compile(
    r"\b(?:how(?! about)|when|where|which|who|why|what(?! about)|tell me|describe)\b", re.I
)
_LONGEST = 240  # characters of a question without a question mark, before the turn's end
_FILLERS = (
    r"(?:(?:um{1,9}|uh{1,9}|erm?|oh|ah|well|okay|ok|so|hm{1,9}|gosh|i mean|you know|like|doctor|sir"
    r"|and|but|actually|honestly|i think|let me see|thankfully)[\s,.…-]{1,9}){0,5}"
)
_NO = re.compile(
    rf"{_FILLERS}(?:(?:yeah|yes),? no\b|no\b|nope\b|nah\b|none\b|never\b|nothing\b"
    r"|not (?:really|at all|that|lately|recently|any|yet|currently|so far|right now)\b|negative\b"
    r"|uh-uh\b|i (?:do|have|did|am|can) ?n(?:o|'|’)t\b|i['’]m not\b|i['’]ve not\b"
    r"|it (?:does|is|has|did) ?n['’]t\b)",
    re.I,
)
_YES = re.compile(
    rf"{_FILLERS}(?:(?:yes|yeah|yep|yup|yea|sure|correct|definitely|absolutely|exactly|uh-huh"
    r"|mm-hmm|mhm|sometimes|occasionally|there is|that['’]s right|some|a (?:little|bit))\b"
    r"|(?:i do|i have|i am|i did|it does|it is|it has|it did)\b(?! ?n))",
    re.I,
)


def questions_in(text: str, turn: Turn) -> list[tuple[int, int]]:
    """The characters [start, end) of a turn's questions."""
    words = text[turn.start : turn.end]
    questions = []
    tail = 0
    for match in _ENDED.finditer(words):
        if "?" in match[0]:
            questions.append((turn.start + tail, turn.start + match.end()))
        tail = match.end()
    rest = words[tail:] if turn.role == CLINICIAN else ""
    if rest.strip() and (begins := _beginning(rest)) is not None:
        questions.append((turn.start + tail + begins, turn.end))
    return questions


def _beginning(rest: str) -> int | None:
    """Where the question begins in words without a question mark; None: they aren't one."""
    indent = len(rest) - len(rest.lstrip())
    if _FIRST.match(rest, indent):
        return indent
    first = max(0, len(rest) - _LONGEST)
    match = _OPENING.search(rest, first)
    return None if match is None else match.start()


def answer_of(text: str, turns: Sequence[Turn], number: int) -> str:
    """What the patient answers to a clinician's turn: "yes", "no", or "" for something else."""
    following = turns[number + 1 : number + 2]
    if not following or following[0].role != PATIENT:
        return ""
    words = text[following[0].start : following[0].end].lstrip()
    if _NO.match(words):
        return "no"
    return "yes" if _YES.match(words) else ""


@Language.factory("medkg_dialogue", requires=["doc.spans"])
def create_dialogue(nlp: Language, name: str) -> Dialogue:
    """The factory of `Dialogue`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return Dialogue()


class Dialogue(StatelessComponent):
    """Gives the mentions of a dialogue's questions the context that the answers give them.

    It stands behind `medkg_context`, and changes nothing in a text that is no dialogue.
    """

    def __call__(self, doc: Doc) -> Doc:
        text = text_of(doc)
        turns = turns_of(text)
        starts = [turn.start for turn in turns]

        @cache
        def questions(number: int) -> list[tuple[int, int]]:
            return questions_in(text, turns[number])

        by_question: dict[tuple[int, tuple[int, int]], list[Span]] = {}
        for mention in doc.spans.get("mentions", []) if turns else ():
            number = bisect_right(starts, mention.start_char) - 1
            if number < 0 or mention.label_ not in ("Disease", "Symptom"):
                continue
            for question in questions(number):
                if question[0] <= mention.start_char < question[1]:
                    by_question.setdefault((number, question), []).append(mention)
        for (number, question), mentions in by_question.items():
            answer = ""
            if turns[number].role == CLINICIAN and not _OPEN.search(text[slice(*question)]):
                answer = answer_of(text, turns, number)
            # "Fever, chills or cough? Yes": nobody knows which.
            if answer == "yes" and (len(mentions) > 1 or question != questions(number)[-1]):
                answer = ""
            for mention in mentions:
                _set(mention, answer)
        return doc


def _set(mention: Span, answer: str) -> None:
    """The context of a mention in a question, by its answer; who it is of stays."""
    change_attributes(
        mention,
        polarity="negated" if answer == "no" else DEFAULTS["polarity"],
        certainty=DEFAULTS["certainty"] if answer else "hypothetical",
    )
