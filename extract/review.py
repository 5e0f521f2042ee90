"""Choose the documents that a person should correct first, and write them for Doccano or brat.

Active learning by uncertainty sampling (Settles 2009, "Active learning literature survey"): the
model annotates, a person corrects the documents of which it is least certain, and the model is
trained on the corrections.
Documents go out whole, so that offsets stay those of the text.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..core.atomic import atomic_file, atomic_folder
from ..core.errors import DataError
from ..graph.schema import Schema
from .annotated import AnnotatedText, Mention
from .corpora.labels import MENTION_KINDS
from .relations.pairs import TASKS

BRAT_MARKER = "annotation.conf"
# From this doubt on a mention or relation is pointed out to the annotator.
_MIN_DOUBT = 0.5
ACTIONS = TASKS["targets"][1:]
# A mention's context as brat's attributes.
_ATTRIBUTES = {
    "Polarity": ("negated",),
    "Certainty": ("possible", "hypothetical"),
    "Experiencer": ("family", "other"),
    "Temporality": ("historical",),
}


def doubt(probability: float) -> float:
    """How unsure a probability is: 0 at 0 and 1, 1 at one half."""
    return 1 - abs(2 * probability - 1)


def score(text: AnnotatedText) -> float:
    """The doubts of a document's mentions and relations, summed, for each 100 words.

    That is about what an annotator finds to correct in the time that reading takes; a document of
    less than 100 words counts as 100.
    """
    probabilities = [m.probability for m in text.mentions] + [r.probability for r in text.relations]
    return sum(map(doubt, probabilities)) / max(1.0, len(text.text.split()) / 100)


def most_doubtful(texts: Iterable[AnnotatedText], most: int) -> list[tuple[float, AnnotatedText]]:
    """The documents with the highest scores, those first; equal ones in the order given."""
    scored = ((score(text), -position, text) for position, text in enumerate(texts))
    return [(value, text) for value, _, text in heapq.nlargest(most, scored)]


def check_unused(path: Path) -> None:
    """Refuse to write what may hold an annotator's work already.

    Raises:
        DataError: the file is there, or the folder and holds something.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise DataError(
            "is there already, and may hold an annotator's corrections; give another name, or take "
            "it away first",
            path=path,
        )


def write_doccano(ranked: Sequence[tuple[float, AnnotatedText]], path: Path | str) -> None:
    """Write Doccano's JSON lines for sequence labelling with relations, for its owner alone.

    A line has `text`, `entities` (`id`, `label`, `start_offset`, `end_offset`) and `relations`
    (`id`, `from_id`, `to_id`, `type`). Doccano keeps the other fields as the document's metadata,
    and gives them back: `document`, `score`, and `doubtful`, what to look at.
    """
    with atomic_file(path) as draft, draft.open("w", encoding="utf-8") as file:
        for document_score, text in ranked:
            row = {
                "text": text.text,
                "entities": [
                    {"id": n, "label": m.kind, "start_offset": m.start, "end_offset": m.end}
                    for n, m in enumerate(text.mentions)
                ],
                "relations": [
                    {"id": n, "from_id": r.head, "to_id": r.tail, "type": r.label}
                    for n, r in enumerate(text.relations)
                ],
                "document": text.id,
                "score": round(document_score, 3),
                "doubtful": "; ".join(_doubts(text)),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _doubts(text: AnnotatedText) -> list[str]:
    """What is doubtful in a document, the most doubtful first."""
    doubts = [
        (doubt(m.probability), f"{_one_line(m)} ({m.kind} {m.probability:.2f})")
        for m in text.mentions
    ]
    for r in text.relations:
        head, tail = _one_line(text.mentions[r.head]), _one_line(text.mentions[r.tail])
        doubts.append((doubt(r.probability), f"{head} {r.label} {tail} ({r.probability:.2f})"))
    doubts.sort(key=lambda doubtful: -doubtful[0])
    return [name for value, name in doubts if value >= _MIN_DOUBT]


def _one_line(mention: Mention) -> str:
    return " ".join(mention.text.split())


def write_brat(ranked: Sequence[tuple[float, AnnotatedText]], folder: Path | str) -> None:
    """Write a folder for brat: texts, annotations and `annotation.conf`, for their owner alone.

    The files' names begin with the rank, since brat lists them by name. Attributes give a mention's
    context, notes its link and, where it is doubtful, its probability.

    Raises:
        DataError: the folder holds other things.
    """
    with atomic_folder(folder, marker=BRAT_MARKER) as draft:
        (draft / BRAT_MARKER).write_text(_brat_configuration(), encoding="utf-8")
        digits = len(str(len(ranked)))
        for rank, (_, text) in enumerate(ranked, start=1):
            name = f"{rank:0{digits}}-{re.sub(r'[^A-Za-z0-9._-]+', '_', text.id)}"
            annotations = "".join(f"{line}\n" for line in _brat_lines(text))
            for ending, content in ((".txt", text.text), (".ann", annotations)):
                file = draft / f"{name}{ending}"
                # Bytes, since a line's end must stay as it is for the offsets to hold.
                file.write_bytes(content.encode())


def _brat_lines(text: AnnotatedText) -> list[str]:
    spans: list[str] = []
    attributes: list[str] = []
    notes: list[str] = []
    attribute_of = {value: name for name, values in _ATTRIBUTES.items() for value in values}
    for number, mention in enumerate(text.mentions, start=1):
        # A mention that goes on in the next line has several spans, as brat has no line break.
        lines = [
            (line.start(), words)
            for line in re.finditer(r"[^\r\n]+", mention.text)
            if (words := line[0].rstrip())
        ]
        offsets = ";".join(
            f"{mention.start + start} {mention.start + start + len(words)}"
            for start, words in lines
        )
        words = " ".join(words for _, words in lines)
        spans.append(f"T{number}\t{mention.kind} {offsets}\t{words}")
        for value in mention.context:
            if value in attribute_of:
                name = attribute_of[value]
                attributes.append(f"A{len(attributes) + 1}\t{name} T{number} {value}")
        remarks = [f"{mention.identifier} {mention.name}"] if mention.identifier else []
        if doubt(mention.probability) >= _MIN_DOUBT:
            remarks.append(f"doubtful: probability {mention.probability:.2f}")
        if remarks:
            notes.append(f"#{len(notes) + 1}\tAnnotatorNotes T{number}\t{'; '.join(remarks)}")
    relations = []
    for number, relation in enumerate(text.relations, start=1):
        ends = f"Arg1:T{relation.head + 1} Arg2:T{relation.tail + 1}"
        relations.append(f"R{number}\t{relation.label} {ends}")
        if doubt(relation.probability) >= _MIN_DOUBT:
            remark = f"doubtful: probability {relation.probability:.2f}"
            notes.append(f"#{len(notes) + 1}\tAnnotatorNotes R{number}\t{remark}")
    return [*spans, *attributes, *relations, *notes]


def _brat_configuration() -> str:
    kinds = sorted(MENTION_KINDS)
    lines = ["[entities]", *kinds, "", "[relations]"]
    for relation in Schema.default().relations.values():
        joins = [pair for pair in relation.joins if set(pair) <= set(kinds)]
        if joins:
            heads, tails = ("|".join(_exchangeable(ends)) for ends in zip(*joins, strict=True))
            actions = ACTIONS if relation.name == "TARGETS" else ()
            for name in (relation.name, *(f"{relation.name}-{action}" for action in actions)):
                lines.append(f"{name}\tArg1:{heads}, Arg2:{tails}")
    lines += ["", "[events]", "", "[attributes]"]
    for name, values in _ATTRIBUTES.items():
        lines.append(f"{name}\tArg:<ENTITY>, Value:{'|'.join(values)}")
    return "\n".join([*lines, ""])


def _exchangeable(kinds: Iterable[str]) -> list[str]:
    """The kinds; Disease stands for Symptom too and the other way round: many names are both."""
    names = set(kinds)
    return sorted(names | {"Disease", "Symptom"} if names & {"Disease", "Symptom"} else names)


FORMS: dict[str, Callable[[Sequence[tuple[float, AnnotatedText]], Path | str], None]] = {
    "doccano": write_doccano,
    "brat": write_brat,
}
