"""The published corpora of mentions and relations, where they lie in one folder."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from .brat import read_brat
from .document import Corpus
from .files import plain_or_xz
from .pubtator import read_pubtator
from .readers import READERS
from .splits import disjoint, split_documents

# Of each corpus its format, and its files to train on and for development.
_FILES = {
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
    "cmedqaner": (
        "cmedqaner",
        "cmedqa-ner/cMedQANER-train.txt",
        "cmedqa-ner/cMedQANER-dev.txt",
    ),
    "cmdd": ("cmdd", "cmdd/train.jsonl.gz", "cmdd/dev.jsonl.gz"),
}
# Of a user's corpus with relations.
_USER_FILES = ("train.pubtator.txt", "development.pubtator.txt")


def published_corpora(folder: Path, quarantine: Quarantine) -> list[Corpus]:
    """The published corpora with mentions in a folder, each file plain or `.xz`.

    BC5CDR, NCBI disease, BC2GM, ChemProt, cMedQANER and CMDD under their files' names; MACCROBAT as
    `maccrobat/maccrobat.tar`, 32 of its documents held out (`split_documents`).

    Raises:
        DataError: a file of one can't be read.
    """
    read: list[Corpus] = []
    for name, (corpus_format, train, development) in _FILES.items():
        files = [plain_or_xz(folder / train), plain_or_xz(folder / development)]
        if all(file.is_file() for file in files):
            parts = [READERS[corpus_format](file, quarantine) for file in files]
            read.append(Corpus(name, corpus_format, train=parts[0], development=parts[1]))
    archive = plain_or_xz(folder / "maccrobat" / "maccrobat.tar")
    if archive.is_file():
        rest, held_out = split_documents(read_brat(archive, quarantine), 32)
        read.append(Corpus("maccrobat", "brat", rest, held_out, split_here=True))
    return read


def load_corpora(folder: Path, quarantine: Quarantine) -> list[Corpus]:
    """The published corpora in a folder, and a user's with relations; see `splits.disjoint`.

    A user's: any folder in it with `train.pubtator.txt` and `development.pubtator.txt`, whose
    kinds are this project's or PubTator's.

    Raises:
        DataError: there is no corpus, or a file of one can't be read.
    """
    read = published_corpora(folder, quarantine)
    for inner in sorted(folder.iterdir()) if folder.is_dir() else []:
        files = [plain_or_xz(inner / name) for name in _USER_FILES]
        if all(file.is_file() for file in files):
            parts = [read_pubtator(file, quarantine) for file in files]
            read.append(Corpus(inner.name, "pubtator", train=parts[0], development=parts[1]))
    if not read:
        raise DataError(
            f"holds no corpus; give one, or a folder with {' and '.join(_USER_FILES)} in it",
            path=folder,
        )
    return disjoint(read)
