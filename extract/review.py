"""The documents that a person should correct first, in the forms of Doccano and brat.

Active learning by uncertainty (Settles 2009, "Active learning literature survey"): the model marks
what it found, an annotator corrects it where the model doubts most, and trains on the corrections.
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
_DOUBTFUL = 0.5  # the doubt from which on a mention or relation is named to the annotator
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
    found = [m.probability for m in text.mentions] + [r.probability for r in text.relations]
    return sum(map(doubt, found)) / max(1.0, len(text.text.split()) / 100)


def most_doubtful(texts: Iterable[AnnotatedText], most: int) -> list[tuple[float, AnnotatedText]]:
    """The documents with the highest scores, those first; equal ones in the order given."""
    scored = ((score(text), -place, text) for place, text in enumerate(texts))
    return [(points, text) for points, _, text in heapq.nlargest(most, scored)]


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
    with atomic_file(path, mode=0o600) as draft, draft.open("w", encoding="utf-8") as file:
        for points, text in ranked:
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
                "score": round(points, 3),
                "doubtful": "; ".join(_doubts(text)),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _doubts(text: AnnotatedText) -> list[str]:
    """What is doubtful in a document, the most doubtful first."""
    named = [
        (doubt(m.probability), f"{_one_line(m)} ({m.kind} {m.probability:.2f})")
        for m in text.mentions
    ]
    for r in text.relations:
        head, tail = _one_line(text.mentions[r.head]), _one_line(text.mentions[r.tail])
        named.append((doubt(r.probability), f"{head} {r.label} {tail} ({r.probability:.2f})"))
    named.sort(key=lambda one: -one[0])
    return [name for points, name in named if points >= _DOUBTFUL]


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
                file.touch(mode=0o600)
                # Bytes, since a line's end must stay as it is for the offsets to hold.
                file.write_bytes(content.encode())
    Path(folder).chmod(0o700)  # the files' names may say whose notes they are


def _brat_lines(text: AnnotatedText) -> list[str]:
    spans: list[str] = []
    attributes: list[str] = []
    notes: list[str] = []
    attribute_of = {value: name for name, values in _ATTRIBUTES.items() for value in values}
    for number, mention in enumerate(text.mentions, start=1):
        parts = [
            (mention.start + part.start(), mention.start + part.end(), part[0])
            for part in re.finditer(r"[^\r\n]*[^\s]", mention.text)
        ]
        # A mention that goes on in the next line is one in parts, as brat has no line break.
        places = ";".join(f"{start} {end}" for start, end, _ in parts)
        spans.append(
            f"T{number}\t{mention.kind} {places}\t{' '.join(words for *_, words in parts)}"
        )
        for value in mention.context:
            if value in attribute_of:
                line = f"A{len(attributes) + 1}\t{attribute_of[value]} T{number} {value}"
                attributes.append(line)
        said = [f"{mention.identifier} {mention.name}"] if mention.identifier else []
        if doubt(mention.probability) >= _DOUBTFUL:
            said.append(f"doubtful: probability {mention.probability:.2f}")
        if said:
            notes.append(f"#{len(notes) + 1}\tAnnotatorNotes T{number}\t{'; '.join(said)}")
    relations = []
    for number, found in enumerate(text.relations, start=1):
        ends = f"Arg1:T{found.head + 1} Arg2:T{found.tail + 1}"
        relations.append(f"R{number}\t{found.label} {ends}")
        if doubt(found.probability) >= _DOUBTFUL:
            says = f"doubtful: probability {found.probability:.2f}"
            notes.append(f"#{len(notes) + 1}\tAnnotatorNotes R{number}\t{says}")
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
    found = set(kinds)
    return sorted(found | {"Disease", "Symptom"} if found & {"Disease", "Symptom"} else found)


FORMS: dict[str, Callable[[Sequence[tuple[float, AnnotatedText]], Path | str], None]] = {
    "doccano": write_doccano,
    "brat": write_brat,
}
