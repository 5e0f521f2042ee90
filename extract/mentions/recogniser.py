"""What every recogniser of mentions has: heads that find, and the rules that join what they find.

A recogniser has a head for each corpus that it was trained on. A head knows what its corpus
annotates and nothing else, so what a head does not find may still be there: the heads' mentions are
joined, none of them votes against another's kind.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from spacy.tokens import Doc, Span

from ..abbreviations import Abbreviation, abbreviations_of
from ..context.doses import is_usage

MODEL = "medkg_ner"
THRESHOLD = 0.5
# Mentions are looked up by blocks of so many characters, as a long document has many.
_BLOCK = 64
# What says the value of an examination, from the end of its name on.
_VALUE = re.compile(
    r"(?: (?:levels?|concentrations?))?(?: \([^()]{1,20}\))?(?: (?:was|were|is|of|at|=)|:|,)?"
    r"(?: (?:low|high|normal|elevated|raised|increased|decreased|reduced|about|only|still|at|to))*"
    r" ?[<>≤≥~]? ?\d+(?:[.,]\d+)?"
    r"(?: ?(?:[mnpµu]?g|mcg|[mµnp]?mol|mEq|[mµ]?I?U) ?/ ?(?:d|m|µ)?[lL]\b| ?mm ?Hg| ?%)"
)
# Where the next item of a list begins: "amoxicillin\n4" of "3. amoxicillin\n4. aspirin".
_NEXT_ITEM = re.compile(r"(?<=\S)\s*\n\s*(?:\d{1,2}[.)]?|[-*•])\s*$")
_BULLETS = " \t\n-–—•*·"
_ITEM_NUMBER = re.compile(r"^\d{1,2}[.)]\s+")
_YEAR = re.compile(r",?\s(?:19|20)\d\d$")
# What a note says of a mention in letters that are no part of it.
_SAID = "h/o|hx of|s/p|c/o|p/w|r/o|c/w|ddx:?"
# "(-) fever": found by its sign.
_SIGN = re.compile(r"\(\s?[-+]\s?\)\s*(?=\S)")
_SAID_OF_IT = re.compile(rf"(?:(?:{_SAID})\s+)+(?=\S)", re.I)
_SAID_OF_DRUG = re.compile(rf"(?:(?:{_SAID}|d/c(?:['’]?e?d)?)\s+)+(?=\S)", re.I)
_ALLERGIC_TO = re.compile(r"allerg(?:ic|y|ies)\s+to\b", re.I)


@dataclass(frozen=True)
class PredictedMention:
    """A recognised mention: characters [start, end) of the text, kind, probability."""

    start: int
    end: int
    kind: str
    probability: float


class Recogniser(ABC):
    """Finds mentions; `kinds` names its heads and the kinds that each knows."""

    kinds: dict[str, list[str]]

    @abstractmethod
    def predict_heads(self, texts: Sequence[str]) -> list[dict[str, list[PredictedMention]]]:
        """What each head finds in each text, in order, none overlapping another of its head."""

    def predict(
        self, texts: Sequence[str], threshold: float = THRESHOLD
    ) -> list[list[PredictedMention]]:
        """The mentions of each text that reach the threshold, the heads' joined by `join_heads`."""
        return [
            join_heads(above_threshold(heads, threshold), self.kinds, text)
            for heads, text in zip(self.predict_heads(texts), texts, strict=True)
        ]


class TrainedRecogniser(Recogniser):
    """One that `medkg train ner` makes and can write."""

    @abstractmethod
    def save(self, folder: Path, about: Mapping[str, object], card: str) -> None:
        """Write the model's folder.

        `about` (training data, seed, figures, …) goes into `config.json` as it is, `card` into
        `CARD.md`.
        """


def propagate_abbreviations(
    found: list[PredictedMention], short_forms: Iterable[Abbreviation]
) -> list[PredictedMention]:
    """Make short forms what their long forms are.

    Where the long form is a mention, every place of the short form becomes one of its kind; where
    it is none and overlaps none, no place of the short form is one.
    """
    for short in short_forms:
        long = next((f for f in found if (f.start, f.end) == short.long), None)
        if long is not None:
            # A longer mention around a short form stays as it is.
            starts = [start for start, _ in short.places]
            kept = [
                f
                for f in found
                if not (at := bisect_right(starts, f.start)) or f.end > short.places[at - 1][1]
            ]
            new = [PredictedMention(a, b, long.kind, long.probability) for a, b in short.places]
            found = sorted([*kept, *_free(new, kept)], key=lambda f: f.start)
        elif not any(f.start < short.long[1] and short.long[0] < f.end for f in found):
            places = set(short.places)
            found = [f for f in found if (f.start, f.end) not in places]
    return found


def above_threshold(
    heads: Mapping[str, list[PredictedMention]], threshold: float
) -> dict[str, list[PredictedMention]]:
    """Without the mentions whose probability is below the threshold."""
    return {name: [f for f in found if f.probability >= threshold] for name, found in heads.items()}


def join_heads(
    heads: Mapping[str, list[PredictedMention]], kinds: Mapping[str, Sequence[str]], text: str
) -> list[PredictedMention]:
    """Join what the heads found into mentions that don't overlap.

    A head that knows diseases but no symptoms (BC5CDR, NCBI) comes from a corpus that calls
    symptoms diseases: it says where, and a head that knows both (MACCROBAT) says which.

    1. Such a Disease becomes a Symptom where the other head finds a Symptom and no Disease.
    2. A Symptom or Disease inside a longer one of such a head is left out: MACCROBAT annotates the
       place in the body apart ("chest", "pain"), and the whole name is what a graph can link.
    3. A Target or Drug in a Procedure whose value follows ("potassium was 5.9 mmol/L") is what was
       measured, and left out.
    4. The same span and kind from several heads is one candidate, with the highest probability.
    5. Candidates are taken from the most probable down, each where no earlier one overlaps it.

    Args:
        heads: what each head found.
        kinds: the kinds that each head knows.
        text: what was read.
    """
    measured = _overlapping(
        f
        for found in heads.values()
        for f in found
        if f.kind == "Procedure" and _VALUE.match(text, f.end)
    )
    findings = {
        name: [f for f in found if f.kind in ("Disease", "Symptom")]
        for name, found in heads.items()
    }
    telling = _overlapping(
        f for name, part in findings.items() if "Symptom" in kinds[name] for f in part
    )
    whole = _overlapping(
        f for name, part in findings.items() if "Symptom" not in kinds[name] for f in part
    )
    best: dict[tuple[int, int, str], PredictedMention] = {}
    for name, found in heads.items():
        for mention in found:
            if mention.kind in ("Target", "Drug") and any(
                f.start <= mention.start and mention.end <= f.end for f in measured(mention)
            ):
                continue
            if mention.kind == "Disease" and "Symptom" not in kinds[name]:
                if {f.kind for f in telling(mention)} == {"Symptom"}:
                    mention = replace(mention, kind="Symptom")
            elif mention.kind in ("Disease", "Symptom") and any(
                f.start <= mention.start
                and mention.end <= f.end
                and f.end - f.start > mention.end - mention.start
                for f in whole(mention)
            ):
                continue
            key = (mention.start, mention.end, mention.kind)
            if key not in best or best[key].probability < mention.probability:
                best[key] = mention
    ranked = sorted(best.values(), key=lambda f: (-f.probability, f.start, f.start - f.end, f.kind))
    return sorted(_free(ranked, []), key=lambda f: f.start)


def _overlapping(
    found: Iterable[PredictedMention],
) -> Callable[[PredictedMention], list[PredictedMention]]:
    """What gives, for a mention, those of the found that overlap it."""
    blocks: dict[int, list[PredictedMention]] = {}
    for each in found:
        for block in range(each.start // _BLOCK, (each.end - 1) // _BLOCK + 1):
            blocks.setdefault(block, []).append(each)

    def overlapping(mention: PredictedMention) -> list[PredictedMention]:
        near = range(mention.start // _BLOCK, (mention.end - 1) // _BLOCK + 1)
        return [
            each
            for block in near
            for each in blocks.get(block, ())
            if each.start < mention.end and mention.start < each.end
        ]

    return overlapping


def _free(
    candidates: Iterable[PredictedMention], taken: Iterable[PredictedMention]
) -> list[PredictedMention]:
    """The candidates, in their order, that overlap neither what is taken nor an earlier one."""
    used = {position for f in taken for position in range(f.start, f.end)}
    free = []
    for candidate in candidates:
        places = range(candidate.start, candidate.end)
        if used.isdisjoint(places):
            used.update(places)
            free.append(candidate)
    return free


def _by_sentence(doc: Doc, text: str, mention: PredictedMention) -> list[PredictedMention]:
    """A mention, or its parts where lines that it goes over are sentences of their own."""
    if "\n" not in text[mention.start : mention.end]:
        return [mention]
    span = doc.char_span(mention.start, mention.end, alignment_mode="expand")
    assert span is not None  # since it is expanded
    starts = [token.idx for token in span[1:] if token.is_sent_start]
    parts = []
    for start, end in pairwise([mention.start, *starts, mention.end]):
        item = _ITEM_NUMBER.sub("", text[start:end].strip(_BULLETS))
        if any(map(str.isalpha, item)):
            first = text.index(item, start)
            parts.append(replace(mention, start=first, end=first + len(item)))
    return parts


def clean_mentions(doc: Doc, found: Iterable[PredictedMention]) -> list[PredictedMention]:
    """Without what only looks like a mention.

    The heading of a section ("Allergies:") is none (`doc.spans["headings"]`), nor is how a drug is
    taken ("PO", "b.i.d.") a drug, unless the document spells it out as something else. None goes
    over the lines of a list. The number of a list's next item is no part of one, nor is a drug's
    year, nor are a note's "h/o" and "D/C'd", and "allergic to" says something of what follows.
    """
    titles = [(title.start_char, title.end_char) for title in doc.spans.get("headings", [])]
    text = doc.text
    kept = []
    defined: set[str] | None = None
    for mention in (part for each in found for part in _by_sentence(doc, text, each)):
        at = bisect_right(titles, (mention.start, len(text))) - 1
        if at >= 0 and mention.end <= titles[at][1]:
            continue
        words = text[mention.start : mention.end]
        if (item := _NEXT_ITEM.search(words)) is not None:
            mention = replace(mention, end=mention.start + item.start())
            words = words[: item.start()]
        if _ALLERGIC_TO.match(text, mention.start) or words.lower() == "allergic":
            continue
        # Over two columns of a table: of neither is known what it is.
        if doc._.note and "\t" in words:
            continue
        before = _SAID_OF_DRUG if mention.kind == "Drug" else _SAID_OF_IT
        if doc._.note and (prefix := before.match(words)) is not None:
            mention = replace(mention, start=mention.start + prefix.end())
            words = words[prefix.end() :]
        if doc._.note and (sign := _SIGN.match(words)) is not None:
            mention = replace(mention, start=mention.start + sign.end())
            words = words[sign.end() :]
        if words.startswith("p ") and text[mention.start - 2 : mention.start].lower() == "s/":
            mention, words = replace(mention, start=mention.start + 2), words[2:]
        if words.endswith(" s") and text[mention.end : mention.end + 2].lower() == "/p":
            mention, words = replace(mention, end=mention.end - 2), words[:-2]
        if doc._.note and mention.kind == "Drug" and (year := _YEAR.search(words)) is not None:
            mention = replace(mention, end=mention.start + year.start())
            words = words[: year.start()]
        if mention.kind == "Drug" and is_usage(words):
            if defined is None:
                defined = {short.short for short in abbreviations_of(doc)}
            if words not in defined:
                continue
        kept.append(mention)
    return kept


def set_mentions(doc: Doc, found: Iterable[PredictedMention]) -> None:
    """Write mentions into `doc.spans["mentions"]`."""
    spans = []
    for mention in found:
        span = doc.char_span(
            mention.start, mention.end, label=mention.kind, alignment_mode="expand"
        )
        assert span is not None  # since it is expanded
        span._.probability = mention.probability
        spans.append(span)
    doc.spans["mentions"] = spans


if not Span.has_extension("probability"):
    Span.set_extension("probability", default=None)
