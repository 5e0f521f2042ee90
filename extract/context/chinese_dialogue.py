"""Whether a symptom of a Chinese dialogue is present, absent or uncertain.

A question is answered lines later, or not at all, and a doctor explains what he doesn't see: of
that the phrases of a sentence tell little. So a logistic regression decides, over the characters
around a mention, in the lines before and behind it, and around other mentions of the same words; it
learns from dialogues whose symptoms are annotated (CMDD; `benchmarks/train_chinese_dialogue.py`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc

from ...core.han import simplified
from ...core.model_folder import WEIGHTS, read_config, save_files
from ...core.tensors import load_tensors, save_tensors
from ..dialogue_turns import Turn, turns_of
from ..tokens import text_of
from .attributes import DEFAULTS, change_attributes
from .chinese import Place, categories_in

SHIPPED = Path(__file__).parents[1] / "model" / "dialogue_zh"
KIND = "dialogue_zh"
CONDITIONS = ("Disease", "Symptom")
STATUSES = ("present", "absent", "uncertain")
BUCKETS = 1 << 16  # of the hashed features
_QUESTION = re.compile("[?？]|[吗么嘛呢]$|有没有|是不是|有无|是否|什么|几|多少")
_CLAUSE = re.compile("[，,。！？!?；;]")
_AROUND = 10  # characters beside a mention
_ANSWER = 12  # characters of a following line's beginning
_LINES_AHEAD, _LINES_BACK = 5, 2
_NEAREST = 40  # mentions before and behind, among which the same words are looked for
_OTHER = "N"  # in place of another mention


class _Mention(NamedTuple):
    """A mention in its line: its words, what stands beside them, and who asks or says it."""

    words: str
    left: str
    right: str
    line: int
    spoken: str
    phrases: str


@dataclass(frozen=True)
class StatusModel:
    """Tells the status of symptoms in a dialogue.

    Attributes:
        weights: (`BUCKETS`, statuses).
        intercepts: (statuses,).
    """

    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    def statuses(self, text: str, turns: Sequence[Turn], places: Sequence[Place]) -> list[str]:
        """The status of the mentions [start, end) of a text, each in one of its turns."""
        scores = [
            self.weights[buckets].sum(axis=0) + self.intercepts
            for buckets in hashed_features(text, turns, places)
        ]
        return [STATUSES[int(of_mention.argmax())] for of_mention in scores]

    def save(self, path: Path | str, config: dict[str, Any], card: str) -> None:
        """Write the model's folder; it takes the place of a model folder that is there."""
        tensors = {
            "weights": torch.from_numpy(self.weights).half(),
            "intercepts": torch.from_numpy(self.intercepts),
        }
        save_files(path, KIND, config, card, lambda to: save_tensors(tensors, to / WEIGHTS))

    @classmethod
    def open(cls, path: Path | str = SHIPPED) -> StatusModel:
        """Read a model's folder.

        Raises:
            ModelError: there is none, or it is damaged.
        """
        folder = Path(path)
        read_config(folder, KIND, {})
        tensors = load_tensors(folder / WEIGHTS)
        return cls(tensors["weights"].float().numpy(), tensors["intercepts"].float().numpy())


@cache
def shipped_model() -> StatusModel:
    """The model that ships."""
    return StatusModel.open()


def with_statuses(doc: Doc) -> Doc:
    """Give the conditions of a dialogue the polarity and certainty that the model tells.

    A text that is no dialogue stays as it is.
    """
    turns = turns_of(text_of(doc))
    mentions = [
        mention
        for mention in doc.spans["mentions"]
        if turns and mention.label_ in CONDITIONS and mention.start_char >= turns[0].start
    ]
    places = [(mention.start_char, mention.end_char) for mention in mentions]
    statuses = shipped_model().statuses(text_of(doc), turns, places) if mentions else []
    for mention, status in zip(mentions, statuses, strict=True):
        change_attributes(
            mention,
            polarity="negated" if status == "absent" else DEFAULTS["polarity"],
            certainty="possible" if status == "uncertain" else DEFAULTS["certainty"],
        )
    return doc


def hashed_features(
    text: str, turns: Sequence[Turn], places: Sequence[Place]
) -> Iterator[NDArray[np.int64]]:
    """The buckets of each mention's features, in the order of `places`."""
    lines = [simplified(text[turn.start : turn.end]).rstrip() for turn in turns]
    roles = [turn.role[0] for turn in turns]
    mentions = _mentions(lines, roles, turns, places)
    for number in range(len(mentions)):
        features = set(_features(number, mentions, lines, roles))
        buckets = {zlib.crc32(feature.encode()) % BUCKETS for feature in features}
        yield np.array(sorted(buckets), dtype=np.int64)


def _mentions(
    lines: Sequence[str], roles: Sequence[str], turns: Sequence[Turn], places: Sequence[Place]
) -> list[_Mention]:
    starts = np.array([turn.start for turn in turns])
    rows = [int(np.searchsorted(starts, start, side="right")) - 1 for start, _ in places]
    in_line: dict[int, list[Place]] = {}
    for row, (start, end) in zip(rows, places, strict=True):
        in_line.setdefault(row, []).append((start - turns[row].start, end - turns[row].start))
    mentions = []
    for row, (start, end) in zip(rows, places, strict=True):
        line, first, last = lines[row], start - turns[row].start, end - turns[row].start
        others = in_line[row]
        left = _without(line, 0, first, [place for place in others if place[1] <= first])
        right = _without(line, last, len(line), [place for place in others if place[0] >= last])
        spoken = roles[row] + ("?" if _QUESTION.search(line) else "")
        phrases = "+".join(sorted(categories_in(line, first, last, others)))
        mentions.append(_Mention(line[first:last], left, right, row, spoken, phrases))
    return mentions


def _without(line: str, start: int, end: int, places: Sequence[Place]) -> str:
    """A part of a line with a letter in place of each other mention in it."""
    parts, at = [], start
    for first, last in sorted(places):
        if first >= at:
            parts += [line[at:first], _OTHER]
            at = last
    return "".join([*parts, line[at:end]])


def _features(
    number: int, mentions: Sequence[_Mention], lines: Sequence[str], roles: Sequence[str]
) -> Iterator[str]:
    mention = mentions[number]
    words, spoken = mention.words, mention.spoken
    yield from (f"s{spoken}", f"n{words}", f"ns{words}{spoken}", f"p{mention.phrases}")
    yield from (f"ps{spoken}{mention.phrases}", f"e{lines[mention.line][-2:]}")
    yield from _grams(mention.left[-_AROUND:], "L")
    yield from _grams(mention.right[:_AROUND], "R")
    yield from _grams(_CLAUSE.split(mention.left)[-1][-8:], "cL")
    yield from _grams(_CLAUSE.split(mention.right)[0][:8], "cR")
    yield from _beside(mention, "", 4)
    yield from _lines_near(mention.line, spoken, lines, roles)
    yield f"at{4 * mention.line // len(lines)}"
    yield f"first{mention.line == mentions[0].line}"
    near = range(max(0, number - _NEAREST), min(len(mentions), number + _NEAREST + 1))
    same = [
        other
        for other in (mentions[n] for n in near if n != number)
        if other.words in words or words in other.words
    ]
    yield f"same{min(len(same), 3)}"
    for other in same:
        where = "<" if other.line < mention.line else ">"
        yield from (f"{where}{other.spoken}", f"{where}{other.spoken}{other.phrases}")
        yield from _beside(other, where, 3)


def _beside(mention: _Mention, where: str, most: int) -> Iterator[str]:
    for count in range(1, most + 1):
        yield f"{where}l{count}{mention.left[-count:]}"
        yield f"{where}r{count}{mention.right[:count]}"


def _lines_near(row: int, spoken: str, lines: Sequence[str], roles: Sequence[str]) -> Iterator[str]:
    """The lines behind, up to the second of the other speaker, and two before."""
    answers = 0
    for ahead in range(row + 1, min(row + 1 + _LINES_AHEAD, len(lines))):
        is_answer = roles[ahead] != roles[row]
        line = lines[ahead]
        yield from _grams(line[:_ANSWER], f"+{roles[row]}{is_answer}{min(answers, 1)}")
        yield f"+{ahead - row}{is_answer}{line[:6]}"
        if is_answer:
            if answers == 0:
                yield from (f"a{spoken}{line[:count]}" for count in range(1, 5))
            answers += 1
        if answers == 2:
            break
    for back in range(row - 1, max(row - 1 - _LINES_BACK, -1), -1):
        is_other = roles[back] != roles[row]
        yield from _grams(lines[back][-_AROUND:], f"-{row - back}{is_other}", most=2)


def _grams(text: str, where: str, most: int = 3) -> Iterator[str]:
    for length in range(1, most + 1):
        for start in range(len(text) - length + 1):
            yield where + text[start : start + length]
