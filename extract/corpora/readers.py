"""Readers for annotated text: PubTator, ChemProt, BC2GM, brat, Roam; files plain or xz-compressed.

Every reader gives `Document`s with character offsets into `Document.text`. A row that can't be used
goes to the `Quarantine` with file and line, never with its text; a file that can't be used as a
whole is a `DataError`.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...core.errors import DataError, SchemaError
from ...core.quarantine import Quarantine
from ...core.text import decode
from ...graph.identifiers import normalise_curie
from .labels import MENTION_KINDS


@dataclass(frozen=True)
class Mention:
    """A span of a document's text and the kind that the corpus gives it.

    `identifier` is as the corpus writes it (MeSH in BC5CDR and NCBI, several joined by "|"; of
    brat's normalisations CURIEs), `key` the name by which the corpus' relations refer to the
    mention ("T7"), where it has them.
    """

    start: int
    end: int
    kind: str
    identifier: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Relation:
    """A relation of a document.

    `head` and `tail` are mention keys where the corpus relates mentions (ChemProt, brat),
    identifiers where it relates concepts (PubTator). In Roam the head is empty: the drug is the one
    whose label the sentence comes from.
    """

    kind: str
    head: str
    tail: str


@dataclass
class Document:
    """A text with what a corpus annotates in it; `fields`: what else a JSON row says of it."""

    id: str
    text: str
    mentions: list[Mention] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, plain or `.xz`.

    Raises:
        DataError: the file is missing, empty, damaged or not UTF-8.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", path=path) from error
    except lzma.LZMAError as error:
        raise DataError("is not a whole xz file; fetch or compress it again", path=path) from error
    return decode(data, path)


def read_pubtator(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read PubTator: `id|t|title`, `id|a|abstract`, then tab-separated mentions and relations.

    The text is title, line break, abstract, which is what the format's offsets count. A mention has
    5 to 7 columns (id, start, end, text, kind, identifier, names of its parts), a relation 4 (id,
    kind, identifier, identifier). Blank lines may stand anywhere between documents. The NCBI
    disease corpus has this form too.

    Raises:
        DataError: the file can't be read or holds no document.
    """
    documents: dict[str, Document] = {}
    current: Document | None = None
    for number, line in _lines(path):
        header = re.match(r"([^|\t]+)\|([ta])\|(.*)", line)
        if header is not None:
            identifier, part, text = header.groups()
            if part == "a":
                if current is None or current.id != identifier or "\n" in current.text:
                    quarantine.add(
                        "abstract without its title", path=path, line=number, row=identifier
                    )
                else:
                    current.text += "\n" + text
            elif identifier in documents:
                # Its annotations would count twice: they are set aside with it.
                current = None
                quarantine.add("document given twice", path=path, line=number, row=identifier)
            else:
                current = documents[identifier] = Document(identifier, text)
            continue
        columns = line.split("\t")
        where = _place(columns[:3])
        if len(columns) not in (4, 5, 6, 7):
            place = _place(columns[:1])
            quarantine.add("wrong number of columns", path=path, line=number, row=place)
        elif current is None or current.id != columns[0]:
            quarantine.add(
                "annotation of a document that is not above it", path=path, line=number, row=where
            )
        elif len(columns) == 4:
            if columns[1].isdigit():
                quarantine.add("wrong number of columns", path=path, line=number, row=where)
            else:
                current.relations.append(Relation(columns[1], columns[2], columns[3].strip()))
        else:
            _add_mention(
                current,
                _offsets(columns[1], columns[2]),
                columns[3],
                columns[4],
                _identifier(columns[5]) if len(columns) > 5 else None,
                None,
                quarantine,
                path,
                number,
            )
    if not documents:
        raise DataError("holds no document; PubTator has lines such as ID|t|TITLE", path=path)
    return list(documents.values())


def read_chemprot(abstracts: Path, quarantine: Quarantine) -> list[Document]:
    """Read ChemProt: `…_abstracts.tsv`, with `…_entities.tsv` and `…_relations.tsv` beside it.

    Offsets count title, one character, abstract. A relation's kind is its group ("CPR:4").

    Raises:
        DataError: one of the files can't be read, or the name has no `_abstracts` in it.
    """
    if "_abstracts" not in abstracts.name:
        raise DataError("give the file whose name ends in _abstracts.tsv", path=abstracts)
    documents: dict[str, Document] = {}
    for number, line in _lines(abstracts):
        columns = line.split("\t")
        if len(columns) != 3:
            quarantine.add(
                "wrong number of columns", path=abstracts, line=number, row=_place(columns[:1])
            )
        elif columns[0] in documents:
            quarantine.add("document given twice", path=abstracts, line=number, row=columns[0])
        else:
            documents[columns[0]] = Document(columns[0], f"{columns[1]}\n{columns[2]}")
    entities = abstracts.with_name(abstracts.name.replace("_abstracts", "_entities"))
    for number, line in _lines(entities):
        columns = line.split("\t")
        where = _place(columns[:2])
        if len(columns) != 6:
            quarantine.add("wrong number of columns", path=entities, line=number, row=where)
        elif columns[0] not in documents:
            quarantine.add(
                "annotation of an unknown document", path=entities, line=number, row=where
            )
        else:
            _add_mention(
                documents[columns[0]],
                _offsets(columns[3], columns[4]),
                columns[5],
                columns[2],
                None,
                columns[1],
                quarantine,
                entities,
                number,
            )
    keys = {name: {m.key for m in document.mentions} for name, document in documents.items()}
    relations = abstracts.with_name(abstracts.name.replace("_abstracts", "_relations"))
    for number, line in _lines(relations):
        columns = line.split("\t")
        where = _place(columns[:2])
        if len(columns) != 6:
            quarantine.add("wrong number of columns", path=relations, line=number, row=where)
            continue
        head, tail = columns[4].removeprefix("Arg1:"), columns[5].removeprefix("Arg2:").strip()
        if not {head, tail} <= keys.get(columns[0], set()):
            quarantine.add("relation of an unknown mention", path=relations, line=number, row=where)
        else:
            documents[columns[0]].relations.append(Relation(columns[1], head, tail))
    if not documents:
        raise DataError("holds no document", path=abstracts)
    return list(documents.values())


def read_bc2gm(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read two columns, token and tag (B, I, O), with a blank line after each sentence.

    The spaces of the original text are not in the file: tokens are joined by one space. A document
    is a sentence, named by the line it begins on; its mentions are of kind GENE.

    Raises:
        DataError: the file can't be read or holds no sentence.
    """
    documents: list[Document] = []
    tokens: list[tuple[str, str]] = []
    first = 1
    for number, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        if not line.strip():
            if tokens:
                documents.append(_tagged_sentence(f"{path.name.split('.')[0]}:{first}", tokens))
            tokens, first = [], number + 1
            continue
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 2:
            quarantine.add("wrong number of columns", path=path, line=number)
        elif columns[1] not in ("B", "I", "O"):
            quarantine.add("tag is none of B, I, O", path=path, line=number, row=columns[1][:20])
        else:
            tokens.append((columns[0], columns[1]))
    if not documents:
        raise DataError("holds no sentence; give lines of token, tab, tag", path=path)
    return documents


def read_brat(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read brat: a folder, or a tar archive of any compression, of `NAME.txt` with `NAME.ann`.

    Text-bound annotations (T) are mentions, relations (R) are relations, normalisations (N) the
    mentions' identifiers; an event stands for its trigger. A mention in several parts is kept where
    only white space lies between them.

    Raises:
        DataError: the folder or archive can't be read or holds no pair of files.
    """
    files = dict(brat_files(path))
    documents = []
    for name in sorted(files):
        if name.endswith(".ann") and f"{name[:-4]}.txt" not in files:
            quarantine.add("annotations without a text beside them", path=f"{path}:{name}")
        if not name.endswith(".txt"):
            continue
        if f"{name[:-4]}.ann" not in files:
            quarantine.add("text without annotations beside it", path=f"{path}:{name}")
            continue
        where = f"{path}:{name[:-4]}.ann"
        annotations = files[f"{name[:-4]}.ann"]
        try:
            document = Document(Path(name).stem, decode(files[name], f"{path}:{name}"))
            lines = decode(annotations, where) if annotations.strip() else ""
        except DataError:
            quarantine.add("file is empty or not UTF-8 text", path=f"{path}:{name}")
            continue
        _add_brat(document, lines, quarantine, where)
        documents.append(document)
    if not documents:
        raise DataError("holds no NAME.txt with a NAME.ann beside it", path=path)
    return documents


def read_roam(path: Path, quarantine: Quarantine) -> list[Document]:
    """Read Roam's JSON: sentences of drug labels with afflictions and their relation to the drug.

    Every annotation is a mention of kind AFFLICTION and a relation to it without a head, of kind
    TREATS, PREVENTS, CONTRAINDICATED_FOR or UNRELATED.

    Raises:
        DataError: the file can't be read or is not a JSON list.
    """
    try:
        rows = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"is not JSON: {error.msg}", path=path, line=error.lineno) from error
    if not isinstance(rows, list):
        raise DataError("is not a JSON list of sentences", path=path)
    documents = []
    for position, row in enumerate(rows, start=1):
        try:
            document = Document(str(row["sentence_id"]), str(row["sentence"]))
            annotations = [
                (int(a["start"]), int(a["end"]), str(a["text"]), str(a["label"]), str(a["ann_id"]))
                for a in row["annotations"]
            ]
        except (KeyError, TypeError, ValueError):
            quarantine.add("sentence lacks a field", path=path, row=f"sentence {position}")
            continue
        for start, end, text, label, key in annotations:
            if document.text[start:end] != text:
                quarantine.add(
                    "offsets don't match the text", path=path, row=f"{key}\t{start}\t{end}"
                )
                continue
            document.mentions.append(Mention(start, end, "AFFLICTION", key=key))
            document.relations.append(Relation(label, "", key))
        documents.append(document)
    if not documents:
        raise DataError("holds no sentence", path=path)
    return documents


READERS: dict[str, Callable[[Path, Quarantine], list[Document]]] = {
    "pubtator": read_pubtator,
    "ncbi": read_pubtator,
    "chemprot": read_chemprot,
    "bc2gm": read_bc2gm,
    "brat": read_brat,
    "roam": read_roam,
}

_OF_NCBI = {
    "SpecificDisease": "Disease",
    "DiseaseClass": "Disease",
    "Modifier": "Disease",
    "CompositeMention": "Disease",
}
# What each corpus calls the kinds of this project; what is not here is not read as a mention.
# "medkg" is no format: documents whose kinds are this project's already.
KINDS: dict[str, dict[str, str]] = {
    "medkg": {kind: kind for kind in MENTION_KINDS},
    "pubtator": {
        "Chemical": "Drug",
        "Gene": "Target",
        **{kind: kind for kind in MENTION_KINDS},
        **_OF_NCBI,
    },
    "ncbi": _OF_NCBI,
    "chemprot": {"CHEMICAL": "Drug", "GENE-Y": "Target", "GENE-N": "Target"},
    "bc2gm": {"GENE": "Target"},
    "brat": {
        "Sign_symptom": "Symptom",
        "Disease_disorder": "Disease",
        "Medication": "Drug",
        "Diagnostic_procedure": "Procedure",
        "Therapeutic_procedure": "Procedure",
    },
    "roam": {"AFFLICTION": "Disease"},
}
_OF_PUBTATOR = "Species Mutation DNAMutation ProteinMutation SNP CellLine Chromosome Genus Strain"
_OF_MACCROBAT = (
    "Activity Administration Age Area Biological_attribute Biological_structure "
    "Clinical_event Color Coreference Date Detailed_description Distance Dosage Duration "
    "Family_history Frequency Height History Lab_value Mass Nonbiological_location "
    "Occupation Other_entity Other_event Outcome Personal_background Qualitative_concept "
    "Quantitative_concept Severity Sex Shape Subject Texture Time Volume Weight"
)
# What the published corpora annotate beside these kinds.
OTHER_LABELS = {
    "pubtator": frozenset(_OF_PUBTATOR.split()),
    "brat": frozenset(_OF_MACCROBAT.split()),
}


@dataclass(frozen=True)
class Corpus:
    """A corpus with its split; no training document shares its text with a held-out one."""

    name: str
    format: str
    train: list[Document]
    development: list[Document]
    split_here: bool = False  # it comes without a split of its own


_STANDARD = {
    "bc5cdr": (
        "pubtator",
        "bc5cdr/CDR_TrainingSet.PubTator.txt",
        "bc5cdr/CDR_DevelopmentSet.PubTator.txt",
    ),
    "ncbi": (
        "ncbi",
        "ncbi_disease/NCBItrainset_corpus.txt",
        "ncbi_disease/NCBIdevelopset_corpus.txt",
    ),
    "bc2gm": ("bc2gm", "bc2gm/train.tsv", "bc2gm/devel.tsv"),
    "chemprot": (
        "chemprot",
        "chemprot/chemprot_training_abstracts.tsv",
        "chemprot/chemprot_development_abstracts.tsv",
    ),
}
_OWN = ("train.pubtator.txt", "development.pubtator.txt")


def published_corpora(folder: Path, quarantine: Quarantine) -> list[Corpus]:
    """The published corpora with mentions in a folder, each file plain or `.xz`.

    BC5CDR, NCBI disease, BC2GM and ChemProt under their files' published names; MACCROBAT as
    `maccrobat/maccrobat.tar`, 32 of its documents held out (`split_documents`).

    Raises:
        DataError: a file of one can't be read.
    """
    read: list[Corpus] = []
    for name, (corpus_format, train, development) in _STANDARD.items():
        files = [_plain_or_xz(folder / train), _plain_or_xz(folder / development)]
        if all(file.is_file() for file in files):
            parts = [READERS[corpus_format](file, quarantine) for file in files]
            read.append(Corpus(name, corpus_format, train=parts[0], development=parts[1]))
    archive = _plain_or_xz(folder / "maccrobat" / "maccrobat.tar")
    if archive.is_file():
        rest, held_out = split_documents(read_brat(archive, quarantine), 32)
        read.append(Corpus("maccrobat", "brat", rest, held_out, split_here=True))
    return read


def load_corpora(folder: Path, quarantine: Quarantine) -> list[Corpus]:
    """The published corpora in a folder, and one's own with relations, `apart`.

    One's own: any folder in it with `train.pubtator.txt` and `development.pubtator.txt`, whose
    kinds are this project's or PubTator's.

    Raises:
        DataError: there is no corpus, or a file of one can't be read.
    """
    read = published_corpora(folder, quarantine)
    for own in sorted(folder.iterdir()) if folder.is_dir() else []:
        files = [_plain_or_xz(own / name) for name in _OWN]
        if all(file.is_file() for file in files):
            parts = [read_pubtator(file, quarantine) for file in files]
            read.append(Corpus(own.name, "pubtator", train=parts[0], development=parts[1]))
    if not read:
        raise DataError(
            f"holds no corpus; give one, or a folder with {_OWN[0]} and {_OWN[1]} in it",
            path=folder,
        )
    return apart(read)


def apart(corpora: Sequence[Corpus]) -> list[Corpus]:
    """The corpora without the training documents that occur in any one's held-out part."""
    held_out = [document for corpus in corpora for document in corpus.development]
    return [replace(c, train=without_overlap(c.train, held_out)) for c in corpora]


def undivided(corpora: Sequence[Corpus]) -> list[Corpus]:
    """The corpora with nothing held out: each one's documents all to train on."""
    return [replace(c, train=[*c.train, *c.development], development=[]) for c in corpora]


def flat_mentions(document: Document, corpus_format: str) -> list[Mention]:
    """The mentions with this project's kinds, in order; of two that overlap the longer."""
    kinds = KINDS[corpus_format]
    chosen: list[Mention] = []
    taken = bytearray(len(document.text))
    for mention in sorted(document.mentions, key=lambda m: (m.start - m.end, m.start)):
        if mention.kind in kinds and not any(taken[mention.start : mention.end]):
            taken[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
            chosen.append(
                Mention(
                    mention.start,
                    mention.end,
                    kinds[mention.kind],
                    mention.identifier,
                    mention.key,
                )
            )
    return sorted(chosen, key=lambda m: m.start)


def split_documents(
    documents: Iterable[Document], held_out: int
) -> tuple[list[Document], list[Document]]:
    """Split a corpus that comes without a split: (train, development of `held_out` documents).

    The development documents are those with the smallest SHA-256 of their id, so that the split
    depends on nothing but the ids.
    """
    ordered = sorted(documents, key=lambda d: hashlib.sha256(d.id.encode()).hexdigest())
    return ordered[held_out:], ordered[:held_out]


def document_folds(
    documents: Iterable[Document], folds: int = 5
) -> list[tuple[list[Document], list[Document]]]:
    """(train, held out) of each fold for a corpus that comes without a split.

    Documents go round the folds in the order of their ids' SHA-256, so that the folds depend on
    nothing but the ids, differ by at most one document in size, and hold each document out once.
    """
    ordered = sorted(documents, key=lambda d: hashlib.sha256(d.id.encode()).hexdigest())
    return [
        ([d for n, d in enumerate(ordered) if n % folds != fold], ordered[fold::folds])
        for fold in range(folds)
    ]


def text_key(text: str) -> str:
    """Letters and digits of a text, lower case: equal for one text in two corpora's spelling."""
    return re.sub(r"[\W_]+", "", text.lower())


def without_overlap(train: list[Document], held_out: Iterable[Document]) -> list[Document]:
    """The training documents that share neither id nor text with a held-out one.

    A training text that lies inside a held-out text (a sentence of an abstract), or the other way
    round, counts as shared.
    """
    held = list(held_out)
    ids = {document.id for document in held}
    # One long string makes containment one search; the separator occurs in no key.
    texts = "|".join(text_key(document.text) for document in held)
    short = [key for document in held if 40 <= len(key := text_key(document.text)) < 400]
    kept = []
    for document in train:
        key = text_key(document.text)
        if document.id in ids or (len(key) >= 40 and key in texts):
            continue
        if len(key) >= 400 and any(sentence in key for sentence in short):
            continue
        kept.append(document)
    return kept


def _plain_or_xz(path: Path) -> Path:
    packed = path.with_name(path.name + ".xz")
    return packed if packed.is_file() else path


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def _place(columns: list[str]) -> str:
    """The first columns of a row, as far as they are identifiers and offsets and no text."""
    return "\t".join(column for column in columns if re.fullmatch(r"[\w:.-]{1,40}", column))


def _offsets(start: str, end: str) -> tuple[int, int] | None:
    # Two long numbers are no offsets, and Python refuses to read numbers of thousands of digits.
    if start.isdecimal() and end.isdecimal() and len(start) < 12 and len(end) < 12:
        return int(start), int(end)
    return None


def _identifier(value: str) -> str | None:
    value = value.strip()
    return None if value in ("", "-1", "-") else value


def _add_mention(
    document: Document,
    offsets: tuple[int, int] | None,
    text: str,
    kind: str,
    identifier: str | None,
    key: str | None,
    quarantine: Quarantine,
    path: Path | str,
    line: int,
) -> None:
    """Add a mention whose offsets give its text (any white space counts as a space)."""
    where = f"{document.id}\t{offsets[0]}\t{offsets[1]}" if offsets else document.id
    if offsets is None:
        quarantine.add("offsets are no numbers", path=path, line=line, row=where)
        return
    found = document.text[offsets[0] : offsets[1]]
    if not found.strip() or found.split() != text.split():
        quarantine.add("offsets don't match the text", path=path, line=line, row=where)
        return
    # Annotators' stray spaces at either end are no part of the name.
    start = offsets[0] + len(found) - len(found.lstrip())
    end = offsets[1] - len(found) + len(found.rstrip())
    document.mentions.append(Mention(start, end, kind, identifier, key))


def _tagged_sentence(identifier: str, tokens: list[tuple[str, str]]) -> Document:
    document = Document(identifier, " ".join(token for token, _ in tokens))
    position = 0
    start: int | None = None
    for token, tag in [*tokens, ("", "O")]:
        if tag != "I" and start is not None:
            document.mentions.append(Mention(start, position - 1, "GENE"))
            start = None
        if tag == "B" or (tag == "I" and start is None):
            start = position
        position += len(token) + 1
    return document


def brat_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the `.txt` and `.ann` files of a folder or tar archive."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in (".txt", ".ann") and file.is_file():
                yield str(file.relative_to(path)), file.read_bytes()
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith((".txt", ".ann")):
                    content = archive.extractfile(member)
                    if content is not None:
                        yield member.name, content.read()
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror or error}", path=path) from error
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        raise DataError("is not a whole tar archive; fetch it again", path=path) from error


def _add_brat(document: Document, annotations: str, quarantine: Quarantine, path: str) -> None:
    triggers: dict[str, str] = {}
    relations: list[tuple[int, str, str, str]] = []
    references: list[tuple[int, str, str]] = []

    def aside(reason: str, line: int, row: str) -> None:
        quarantine.add(reason, path=path, line=line, row=row)

    for number, line in enumerate(annotations.split("\n"), start=1):
        line = line.rstrip("\r")
        columns = line.split("\t")
        if line.startswith("T"):
            parts = (
                re.fullmatch(r"(\S+) (\d{1,11} \d{1,11}(?:;\d{1,11} \d{1,11})*)", columns[1])
                if (len(columns) == 3)
                else None
            )
            if parts is None:
                aside("not the form KEY, tab, KIND START END, tab, TEXT", number, columns[0][:20])
                continue
            numbers = [int(n) for n in re.findall(r"\d+", parts[2])]
            gaps = zip(numbers[1:-1:2], numbers[2::2], strict=True)
            if any(document.text[end:start].strip() for end, start in gaps):
                aside(
                    "mention in parts with text between them", number, f"{document.id}\t{parts[2]}"
                )
                continue
            _add_mention(
                document,
                (numbers[0], numbers[-1]),
                columns[2],
                parts[1],
                None,
                columns[0],
                quarantine,
                path,
                number,
            )
        elif line.startswith("E") and len(columns) >= 2:
            triggers[columns[0]] = columns[1].split(" ")[0].rpartition(":")[2]
        elif line.startswith("R"):
            parts = re.match(r"(\S+) \w+:(\w+) \w+:(\w+)", columns[1]) if len(columns) > 1 else None
            if parts is None:
                aside("not the form KEY, tab, KIND Arg1:KEY Arg2:KEY", number, columns[0][:20])
            else:
                relations.append((number, parts[1], parts[2], parts[3]))
        elif line.startswith("N"):
            parts = (
                re.fullmatch(r"Reference (\w+) (\S+)", columns[1].rstrip())
                if len(columns) > 1
                else None
            )
            if parts is None:
                aside(
                    "not the form KEY, tab, Reference KEY DATABASE:IDENTIFIER",
                    number,
                    columns[0][:20],
                )
            else:
                references.append((number, parts[1], parts[2]))
        elif line.strip() and line[0] not in "EAM#*":
            aside("unknown kind of annotation", number, line[:1])
    places = {mention.key: place for place, mention in enumerate(document.mentions)}
    for number, key, identifier in references:
        where = f"{document.id}\t{key}"
        place = places.get(triggers.get(key, key))
        if place is None:
            aside("identifier of an unknown mention", number, where)
            continue
        try:
            curie = normalise_curie(identifier)
        except SchemaError:
            aside("identifier is not DATABASE:IDENTIFIER, or malformed", number, where)
            continue
        mention = document.mentions[place]
        known = [] if mention.identifier is None else mention.identifier.split("|")
        joined = "|".join(dict.fromkeys([*known, curie]))
        document.mentions[place] = replace(mention, identifier=joined)
    for number, kind, head, tail in relations:
        head, tail = triggers.get(head, head), triggers.get(tail, tail)
        if {head, tail} <= places.keys():
            document.relations.append(Relation(kind, head, tail))
        else:
            aside("relation of an unknown mention", number, f"{document.id}\t{head}\t{tail}")
