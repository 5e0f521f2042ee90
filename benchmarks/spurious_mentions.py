"""Mentions that medkg finds where BioRED's annotators have something else, or nothing.

    python benchmarks/spurious_mentions.py CORPUS [--list]      for example biored/Dev.PubTator.xz

BioRED annotates diseases, drugs and genes, and beside them variants, species and cell lines, which
are no mention of medkg's. Of the diseases, symptoms, drugs and targets that are found in the text
alone: how many overlap one of these and nothing of a kind that counts, and how many overlap
nothing. Three stages: the recogniser; with the graph's names and the words around symbols; and,
of the latter, what has a node in the graph of `extract` (it links, or is likely enough without).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from spacy.tokens import Doc, Span

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.document import Document
from medkg.extract.corpora.pubtator import read_pubtator
from medkg.extract.pipeline import UNLINKED, build_pipeline
from medkg.terminology import default_terminology

KINDS = ("Disease", "Symptom", "Drug", "Target")
OTHERS = {
    "SequenceVariant": "a variant",
    "OrganismTaxon": "a species",
    "CellLine": "a cell line",
}
# Of medkg's kinds, those of BioRED that are the same.
SAME = {
    "Disease": "DiseaseOrPhenotypicFeature",
    "Symptom": "DiseaseOrPhenotypicFeature",
    "Drug": "ChemicalEntity",
    "Target": "GeneOrGeneProduct",
}


def overlapped(mention: Span, document: Document) -> str:
    """What the corpus has where a mention is."""
    kinds = {
        other.kind
        for other in document.mentions
        if other.start < mention.end_char and mention.start_char < other.end
    }
    if SAME[mention.label_] in kinds:
        return "the same kind"
    if kinds & {*SAME.values()}:
        return "another kind of medkg's"
    return next((name for kind, name in OTHERS.items() if kind in kinds), "nothing")


def has_node(mention: Span) -> bool:
    """Whether `extract` makes a node of a mention."""
    return mention._.identifier is not None or mention._.probability >= UNLINKED


def stages(documents: Sequence[Document]) -> Iterator[tuple[str, list[list[Span]]]]:
    """The mentions of each document, stage by stage."""
    nlp = build_pipeline(default_terminology())
    recogniser = ("medkg_sentences", "medkg_ner")
    docs: list[Doc] = [nlp.make_doc(document.text) for document in documents]
    for name, component in nlp.pipeline:
        if name == "medkg_relations":
            break
        docs = [component(doc) for doc in docs]
        if name == recogniser[-1]:
            yield "the recogniser", [list(doc.spans["mentions"]) for doc in docs]
    mentions = [list(doc.spans["mentions"]) for doc in docs]
    yield "with names and neighbours", mentions
    yield "of these, with a node", [[m for m in of_doc if has_node(m)] for of_doc in mentions]


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--list", action="store_true", help="list what is spurious in the end")
    given = parser.parse_args()
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    documents = read_pubtator(given.corpus, Quarantine())
    columns = ["the same kind", "another kind of medkg's", *OTHERS.values(), "nothing"]
    rows = []
    for stage, mentions in stages(documents):
        counts: Counter[str] = Counter()
        spurious: Counter[tuple[str, str, str]] = Counter()
        for document, of_document in zip(documents, mentions, strict=True):
            for mention in of_document:
                if mention.label_ in KINDS:
                    place = overlapped(mention, document)
                    counts[place] += 1
                    spurious[place, mention.label_, mention.text] += place not in columns[:2]
        rows.append({"mentions": stage, "all": counts.total()} | {c: counts[c] for c in columns})
    print(pl.DataFrame(rows))
    if given.list:
        for (place, kind, text), number in spurious.most_common():
            if number:
                print(f"{number}\t{place}\t{kind}\t{text}")


if __name__ == "__main__":
    main()
