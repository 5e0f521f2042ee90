"""Two Chinese corpora of ChineseBLUE (Zhang et al. 2020): cMedQANER and CMDD, Apache-2.0."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import DataError
from ...core.json_reading import JsonError, parse_json
from ...core.quarantine import Quarantine
from .document import Document
from .files import AnnotationFile, numbered_lines, read_text
from .labels import split_tag, tagged_spans

# What CMDD says of a symptom by the whole conversation.
STATUSES = {"1": "present", "2": "absent", "3": "uncertain"}


def read_cmedqaner(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read cMedQANER: a line for each character and its tag, a blank line after each text.

    The character is the first of its line, so that a blank is one too; the tag follows a space.

    Raises:
        DataError: the file can't be read or holds no text.
    """
    file = AnnotationFile(path, quarantine)
    stem = path.name.split(".")[0]
    documents: list[Document] = []
    characters: list[str] = []
    tags: list[tuple[str, str]] = []
    first = 1
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        line = line.rstrip("\r")
        if line:
            character, separator, tag = line[:1], line[1:2], line[2:]
            prefix, label = split_tag(tag)
            if separator != " " or prefix not in ("B", "I", "O") or (prefix != "O" and not label):
                file.reject("row without a character and its tag", number)
                prefix, label = "O", ""
            characters.append(character)
            tags.append((prefix, label))
            continue
        if characters:
            document = Document(f"{stem}:{first}", "".join(characters))
            for start, end, label in tagged_spans(tags):
                file.add_span(document, start, end, label, first)
            documents.append(document)
        characters, tags, first = [], [], number + 1
    if not documents:
        raise DataError("holds no text; give lines of a character and its tag", path=path)
    return documents


def read_cmdd(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read CMDD: a JSON object a line for each dialogue, one text of which each sentence is a line.

    A mention's identifier is the normalised name; its `key` numbers it, and the document's field
    `statuses` says by that whether the symptom is present, absent or uncertain. `speakers` are
    those of the lines.

    Raises:
        DataError: the file can't be read or holds no dialogue.
    """
    file = AnnotationFile(path, quarantine)
    documents = []
    for number, line in numbered_lines(path):
        try:
            row = parse_json(line)
        except JsonError:
            file.reject("row is not JSON", number)
            continue
        turns = row.get("dialogue-content") if isinstance(row, dict) else None
        if not isinstance(turns, list) or not all(_is_turn(turn) for turn in turns):
            file.reject("row without a dialogue", number)
            continue
        documents.append(_dialogue(f"cmdd:{row.get('example-id', number)}", turns, file, number))
    if not documents:
        raise DataError("holds no dialogue as JSON lines", path=path)
    return documents


def _is_turn(turn: object) -> bool:
    return (
        isinstance(turn, dict)
        and all(isinstance(turn.get(name), str) for name in ("speaker", "sentence", "label"))
        and all(isinstance(turn.get(name), list) for name in ("normalized", "type"))
    )


def _dialogue(
    name: str, turns: list[dict[str, object]], file: AnnotationFile, line: int
) -> Document:
    """The document of a dialogue; the mentions of a sentence that its labels don't fit are left."""
    document = Document(name, "\n".join(str(turn["sentence"]) for turn in turns))
    statuses: dict[str, str] = {}
    offset = 0
    for turn in turns:
        sentence, names, types = str(turn["sentence"]), turn["normalized"], turn["type"]
        assert isinstance(names, list)
        assert isinstance(types, list)
        spans = tagged_spans([(sign, "Symptom" if sign != "O" else "") for sign in turn["label"]])  # type: ignore[attr-defined]  # a string, see `_is_turn`
        if len(str(turn["label"])) != len(sentence) or not len(spans) == len(names) == len(types):
            file.reject("labels don't fit their sentence", line, name)
            spans = []
        for (start, end, _), normalised, status in zip(spans, names, types, strict=False):
            key = str(len(document.mentions))
            statuses[key] = STATUSES.get(str(status), "uncertain")
            file.add_span(document, offset + start, offset + end, "Symptom", line, key)
            mention = document.mentions[-1]
            document.mentions[-1] = type(mention)(
                mention.start, mention.end, mention.kind, str(normalised), mention.key
            )
        offset += len(sentence) + 1
    document.fields |= {"statuses": statuses, "speakers": [str(turn["speaker"]) for turn in turns]}
    return document
