"""Annotated text of one's own: CoNLL, spaCy's DocBin, JSON lines (spaCy, Prodigy, Doccano).

PubTator and brat are read by `readers`, whose rules hold here too: offsets are checked against the
text, a row that can't be used goes to the `Quarantine` with file and line, never with its text. Of
mentions that overlap, training takes the longest (`readers.flat_mentions`); a brat mention in parts
with text between them is set aside, the other formats have none.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy.tokens import DocBin
from spacy.vocab import Vocab
from torch import nn

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .labels import (
    MENTION_KINDS,
    kind_of,
    split_tag,
    tagged_spans,
)
from .readers import (
    KINDS,
    OTHER_LABELS,
    READERS,
    Corpus,
    Document,
    Mention,
    Relation,
    apart,
    published_corpora,
    read_text,
)

HELD_OUT = 0.2
_UNNAMED = "entity"  # the label of CoNLL's tags that are a bare B or I


def read_conll(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read CoNLL: a line for each token, the token first and its tag last.

    Columns are parted by tabs, or else by spaces; a blank line ends a sentence. Tags are B-, I-
    (BIO, IOB), with E-, S- (BIOES) or L-, U- (BILOU), and O; a bare B or I has the label "entity".
    The spaces of the original text are not in the file: tokens are joined by one space, sentences
    by a line break. A line `-DOCSTART-` or `# newdoc id = ID` begins a document; without any, each
    sentence is one, named by the line that it begins on. A row without a good tag is set aside, its
    token stays as text.

    Raises:
        DataError: the file can't be read or holds no sentence.
    """
    stem = path.name.split(".")[0]
    documents: list[Document] = []
    sentences: list[list[tuple[str, tuple[str, str]]]] = [[]]
    name, whole = f"{stem}:1", False

    def finish() -> None:
        if any(sentences):
            documents.append(_tagged_document(name, [s for s in sentences if s]))
        sentences[:] = [[]]

    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        line = line.rstrip("\r")
        start = re.match(r"# ?newdoc(?: id ?= ?(.+))?$", line)
        if start is not None or line.startswith("-DOCSTART-"):
            finish()
            name, whole = (start and start[1]) or f"{stem}:{number}", True
        elif not line.strip():
            if not whole:
                finish()
                name = f"{stem}:{number + 1}"
            elif sentences[-1]:
                sentences.append([])
        elif not (line.startswith("# ") and len(line.split("\t")) == 1):
            columns = line.split("\t") if "\t" in line.strip() else line.split()
            token, tag = columns[0].strip(), columns[-1].strip()
            sign, label = split_tag(tag)
            if len(columns) < 2 or not tag or sign not in ("B", "I", "O") or not token:
                # What the row holds is text, perhaps all of it.
                quarantine.add("row without a token and a BIO tag", path=path, line=number)
                sign, label = "O", ""
            if token:
                sentences[-1].append((token, (sign, label if sign == "O" else label or _UNNAMED)))
    finish()
    if not documents:
        raise DataError("holds no sentence; give lines of a token and its tag", path=path)
    return documents


def _tagged_document(
    name: str, sentences: Sequence[Sequence[tuple[str, tuple[str, str]]]]
) -> Document:
    text = "\n".join(" ".join(token for token, _ in sentence) for sentence in sentences)
    document = Document(name, text)
    position = 0
    for sentence in sentences:
        places = []
        for token, _ in sentence:
            places.append((position, position + len(token)))
            position += len(token) + 1
        for first, end, label in tagged_spans([tag for _, tag in sentence]):
            document.mentions.append(Mention(places[first][0], places[end - 1][1], label))
    return document


def read_docbin(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read spaCy's binary training data (`.spacy`, `DocBin`): entities and all span groups.

    Raises:
        DataError: the file can't be read, is no DocBin, or holds no document.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", path=path) from error
    try:
        docs = list(DocBin().from_bytes(data).get_docs(Vocab()))
    except (zlib.error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError("is not a whole DocBin of spaCy's", path=path) from error
    documents = []
    for number, doc in enumerate(docs, start=1):
        document = Document(f"{path.name.split('.')[0]}:{number}", doc.text)
        for span in [*doc.ents, *(span for group in doc.spans.values() for span in group)]:
            _add(
                document,
                span.start_char,
                span.end_char,
                span.label_,
                None,
                quarantine,
                path,
                number,
            )
        documents.append(document)
    if not documents:
        raise DataError("holds no document", path=path)
    return documents


def read_jsonl(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read JSON lines of texts with mentions by their offsets, as spaCy, Prodigy and Doccano write.

    A row is an object with `text` (or `data`) and mentions under `label`, `labels`, `entities`,
    `spans` or `ents`: lists `[start, end, label]`, or objects with `start` and `end` (or
    `start_offset`, `end_offset`) and `label`; or spaCy's pair `[text, {"entities": […]}]`.
    Doccano's `relations` (`from_id`, `to_id`, `type`) are kept; all other fields go into
    `Document.fields`. A row without any of those keys is not annotated, and set aside.

    Raises:
        DataError: the file can't be read or holds no annotated text.
    """
    stem = path.name.split(".")[0]
    documents: dict[str, Document] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            quarantine.add("row is not JSON", path=path, line=number)
            continue
        if isinstance(row, list) and len(row) == 2 and isinstance(row[1], dict):
            row = {**row[1], "text": row[0]}
        text = row.get("text", row.get("data")) if isinstance(row, dict) else None
        if not isinstance(text, str) or not text.strip() or not _is_text(text):
            quarantine.add("row without text", path=path, line=number)
            continue
        lists = [row[key] for key in _MENTIONS if isinstance(row.get(key), list)]
        if not lists:
            quarantine.add("row without annotations", path=path, line=number)
            continue
        given = row.get("id")
        identifier = f"{stem}:{given if isinstance(given, int | str) else number}"
        if not _is_text(identifier) or identifier in documents:
            identifier = f"{stem}:line {number}"
        fields = {k: v for k, v in row.items() if k not in _OWN_FIELDS}
        document = documents[identifier] = Document(identifier, text, fields=fields)
        for annotation in (a for given in lists for a in given):
            start, end, label, key = _parts(annotation)
            if isinstance(label, str) and _is_text(label):
                _add(document, start, end, label, key, quarantine, path, number)
            else:
                quarantine.add("mention without a label", path=path, line=number)
        _add_relations(document, row.get("relations"), quarantine, path, number)
    if not documents:
        raise DataError("holds no annotated text as JSON lines", path=path)
    return list(documents.values())


_MENTIONS = ("label", "labels", "entities", "spans", "ents")
_OWN_FIELDS = (*_MENTIONS, "text", "data", "relations")


def _is_text(text: str) -> bool:
    """Without halves of characters, which JSON can hold and no file or hash can."""
    return not re.search("[\ud800-\udfff]", text)


def _parts(annotation: Any) -> tuple[Any, Any, Any, str | None]:
    if isinstance(annotation, list) and len(annotation) == 3:
        return annotation[0], annotation[1], annotation[2], None
    if isinstance(annotation, dict):
        start = annotation.get("start", annotation.get("start_offset"))
        end = annotation.get("end", annotation.get("end_offset"))
        key = annotation.get("id")
        return start, end, annotation.get("label"), None if key is None else str(key)
    return None, None, None, None


def _add(
    document: Document,
    start: Any,
    end: Any,
    label: str,
    key: str | None,
    quarantine: Quarantine,
    path: Path,
    line: int,
) -> None:
    """Add a mention, once, without white space at its ends."""
    text = document.text
    good = type(start) is int and type(end) is int and 0 <= start < end <= len(text)
    if not good or not text[start:end].strip():
        quarantine.add("offsets don't match the text", path=path, line=line, row=document.id)
        return
    within = text[start:end]
    start, end = start + len(within) - len(within.lstrip()), start + len(within.rstrip())
    mention = Mention(start, end, label, key=key)
    if mention not in document.mentions:
        document.mentions.append(mention)


def _add_relations(
    document: Document, relations: Any, quarantine: Quarantine, path: Path, line: int
) -> None:
    keys = {mention.key for mention in document.mentions}
    for relation in relations if isinstance(relations, list) else []:
        row = relation if isinstance(relation, dict) else {}
        kind, head, tail = row.get("type"), str(row.get("from_id")), str(row.get("to_id"))
        if isinstance(kind, str) and {head, tail} <= keys:
            document.relations.append(Relation(kind, head, tail))
        else:
            quarantine.add("relation of an unknown mention", path=path, line=line, row=document.id)


FORMATS: dict[str, Callable[[Path, Quarantine], list[Document]]] = {
    **READERS,
    "conll": read_conll,
    "spacy": read_docbin,
    "jsonl": read_jsonl,
}


def format_of(path: Path) -> str:
    """The format of an annotated file or folder, by its name and first line.

    Raises:
        DataError: it can't be read or told.
    """
    name = path.name.lower().removesuffix(".xz")
    if path.is_dir() or re.search(r"\.(tar(\.\w+)?|tgz)$", name):
        return "brat"
    if name.endswith(".spacy"):
        return "spacy"
    if "_abstracts" in name:
        return "chemprot"
    first = next((line for line in read_text(path).split("\n") if line.strip()), "")
    if re.match(r"[^|\t]+\|[ta]\|", first):
        return "pubtator"
    if first.startswith(("{", "[")):
        return "jsonl"
    if first.startswith(("-DOCSTART-", "# ")) or (
        len(columns := first.split()) > 1 and split_tag(columns[-1])[0]
    ):
        return "conll"
    raise DataError(f"is in no format that is known: {', '.join(FORMATS)}", path=path)


def read_annotated(
    path: Path,
    quarantine: Quarantine,
    *,
    corpus_format: str | None = None,
    labels: Mapping[str, str | None],
) -> list[Document]:
    """The documents of an annotated file or folder, their mentions' kinds this project's.

    Args:
        corpus_format: one of `FORMATS`; None: told from the file.
        labels: the kinds of labels that this package does not know, or knows otherwise; None leaves
            a label's mentions out.

    Raises:
        DataError: the file can't be read, or has labels that are no kind.
    """
    if not path.exists():
        raise DataError("is not there", path=path)
    for label, kind in labels.items():
        if kind is not None and kind not in MENTION_KINDS:
            raise DataError(f"{label}={kind}: a mention's kind is {', '.join(MENTION_KINDS)}")
    if corpus_format is None:
        corpus_format = format_of(path)
    elif corpus_format not in FORMATS:
        raise DataError(f"unknown format {corpus_format!r}; one of {', '.join(FORMATS)}", path=path)
    documents = FORMATS[corpus_format](path, quarantine)
    used = Counter(m.kind for d in documents for m in d.mentions)
    kinds = {label: _kind(label, corpus_format) for label in used} | dict(labels)
    known = labels.keys() | OTHER_LABELS.get(corpus_format, frozenset())
    unknown = {label: used[label] for label in used if not kinds[label] and label not in known}
    if unknown:
        said = ", ".join(f"{label} ({n})" for label, n in sorted(unknown.items()))
        label = min(unknown)
        raise DataError(
            f"has labels of which medkg doesn't know the kind: {said}; say --label {label}=KIND "
            f"with a KIND of {', '.join(MENTION_KINDS)}, or --label {label}= to leave it out",
            path=path,
        )
    return [
        replace(d, mentions=[replace(m, kind=k) for m in d.mentions if (k := kinds[m.kind])])
        for d in documents
    ]


def _kind(label: str, corpus_format: str) -> str | None:
    return KINDS.get(corpus_format, {}).get(label) or kind_of(label)


_TRAIN = ("train", "training")
_DEVELOPMENT = ("dev", "devel", "development", "valid", "validation")
# Published corpora that lie beside the others and are not annotated for mentions.
_NOT_FOR_MENTIONS = ("roam", "thor")


def read_corpora(
    path: Path, quarantine: Quarantine, *, held_out: float, labels: Mapping[str, str | None]
) -> list[Corpus]:
    """The corpora that a path holds; no training document stands in a held-out part of any.

    - a file, or a folder (or tar archive) of brat's files: one corpus, of which `held_out` is held
      out: the documents whose ids (or `document`, in JSON lines) have the smallest SHA-256;
    - a folder with `train.*` (or `training`), and `dev.*` (or `devel`, `development`, `valid`,
      `validation`) if there is a split: one corpus, each part a file or a brat folder;
    - a folder of these, and of the published corpora (`readers.load_corpora`).

    Raises:
        DataError: there is none, a file can't be read, a label is no kind, or a corpus is too small
            to be split.
    """
    if not 0 < held_out < 1:
        raise DataError(f"the part to hold out is {held_out}; give one between 0 and 1")
    if not path.exists():
        raise DataError("is not there; give an annotated file or a folder of corpora", path=path)
    found = _parts_of(path)
    if found is not None:
        read = [_own_corpus(path, found, quarantine, held_out, labels)]
    else:
        read = published_corpora(path, quarantine)
        names = {*(c.name for c in read), *_NOT_FOR_MENTIONS}
        for own in sorted(path.iterdir()) if path.is_dir() else []:
            parts = _parts_of(own) if own.is_dir() and own.name not in names else None
            if parts is not None:
                read.append(_own_corpus(own, parts, quarantine, held_out, labels))
    if not read:
        raise DataError(
            "holds no corpus; give an annotated file, a folder with train.* and dev.* in it, or a "
            "folder of such folders",
            path=path,
        )
    return apart(read)


def _parts_of(path: Path) -> tuple[Path, Path | None] | None:
    """Where a corpus' training and development parts are, or None if this is not one."""
    if path.is_file():
        return path, None
    files = sorted(path.iterdir()) if path.is_dir() else []
    parts = []
    for names in (_TRAIN, _DEVELOPMENT):
        here = [
            file
            for file in files
            if file.name.split(".")[0].lower() in names
            and (file.is_file() or any(file.glob("*.ann")))
        ]
        if len(here) > 1:
            both = " and ".join(file.name for file in here)
            raise DataError(f"has {both}; leave one of them there", path=path)
        parts.append(here[0] if here else None)
    train, development = parts
    if train is not None:
        return train, development
    return (path, None) if any(file.suffix == ".ann" for file in files) else None


def _own_corpus(
    path: Path,
    parts: tuple[Path, Path | None],
    quarantine: Quarantine,
    held_out: float,
    labels: Mapping[str, str | None],
) -> Corpus:
    train, development = (
        None if part is None else read_annotated(part, quarantine, labels=labels) for part in parts
    )
    assert train is not None
    if not any(document.mentions for document in train):
        raise DataError("holds no mention of a known kind to learn from", path=parts[0])
    split_here = development is None
    if development is None:
        train, development = hold_out(train, held_out, path)
    return Corpus(_name(path), "medkg", train, development, split_here)


def hold_out(
    documents: Sequence[Document], part: float, path: Path
) -> tuple[list[Document], list[Document]]:
    """Split documents by the hash of what they belong to; see `read_corpora`."""
    owners = [str(d.fields.get("document", d.id)) for d in documents]
    ordered = sorted(set(owners), key=lambda o: hashlib.sha256(o.encode()).hexdigest())
    if len(ordered) < 2:
        raise DataError("holds one document, which can't be split", path=path)
    chosen = set(ordered[: max(1, round(part * len(ordered)))])
    return (
        [d for d, owner in zip(documents, owners, strict=True) if owner not in chosen],
        [d for d, owner in zip(documents, owners, strict=True) if owner in chosen],
    )


def _name(path: Path) -> str:
    """The corpus' name: that of its file or folder, as letters, digits and _."""
    name = path.name.split(".")[0]
    if path.is_file() and name.lower() in (*_TRAIN, *_DEVELOPMENT):
        name = path.resolve().parent.name
    name = re.sub(r"\W+", "_", name).strip("_") or "own"
    # A network's heads are its attributes.
    return f"{name}_corpus" if hasattr(nn.ModuleDict, name) else name
