"""The whole way, from plain text to triples, scored on BC5CDR's chemical-induced diseases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from ...core.errors import DataError
from ...core.quarantine import Quarantine
from ...core.statistics import bootstrap_interval, draws_one_by_one
from ...graph.document_readings import OF_TEXTS
from ...graph.kg import KnowledgeGraph
from ..corpora.document import Document
from ..corpora.readers import READERS
from ..documents import TextDocument
from ..mentions.network import recogniser_folder
from ..relations.evaluate import compare
from ..relations.model import SHIPPED
from ..run import read_documents
from ..training_overlap import documents_trained_on
from .evaluate import read_dictionary

Triple = tuple[str, str, str]  # document, head, tail


def evaluate_triples(
    names: Sequence[Path | KnowledgeGraph],
    corpus: Path,
    *,
    model: Path | str | None = None,
    relations_model: Path | None = None,
    steps: int = 12,
    seed: int = 0,
) -> pl.DataFrame:
    """Score Drug–CAUSES–Disease triples read from a corpus' texts alone.

    The texts go through the whole pipeline, as `medkg extract` does it. A triple is a document and
    two identifiers; its probability is the highest that the document's evidence has. It is right if
    the corpus relates the two identifiers in that document.

    Args:
        names: where the linker's names come from; see `evaluate_linking.read_dictionary`.
        corpus: BC5CDR's form; its mentions and identifiers are not looked at.
        model: a mention recogniser; None: the one that ships.
        relations_model: a relation model's folder; None: the one that ships.
        steps: number of thresholds.

    Returns:
        A row per threshold, from all triples to the most probable: threshold, precision, recall,
        f1, low, high (of F1; `evaluate_relations.score`), precision_low, precision_high,
        recall_low, recall_high (95 %, bootstrap over documents), triples, true, ceiling (of recall:
        the share of true triples whose identifiers both have a name in the dictionary), documents,
        trained_on (how many of these the models say they were trained on; null: none says).

    Raises:
        DataError: a file can't be read, or the corpus relates nothing.
        ModelError: a model can't be loaded.
    """
    documents = READERS["pubtator"](corpus, Quarantine())
    true = _true_triples(documents)
    if not true:
        raise DataError("relates no two identifiers (lines of ID, CID, ID, ID)", path=corpus)
    terminology = read_dictionary(names, ["MESH"])
    graph = read_documents(
        [TextDocument(f"PMID:{document.id}", document.text) for document in documents],
        terminology,
        model=model,
        relations_model=relations_model,
        sentences=False,
    )
    known = set(terminology.nodes["id"])
    folders = [recogniser_folder(model), relations_model or SHIPPED]
    of_corpus = {
        "ceiling": round(sum({head, tail} <= known for _, head, tail in true) / len(true), 4),
        "documents": len(documents),
        "trained_on": documents_trained_on(folders, documents),
    }
    ids = [document.id for document in documents]
    rows = [
        {**row, **of_corpus} for row in _score_thresholds(_triples(graph), true, ids, steps, seed)
    ]
    return pl.DataFrame(rows, schema_overrides={"trained_on": pl.Int64})


def _score_thresholds(
    triples: Mapping[Triple, float],
    true: set[Triple],
    documents: Sequence[str],
    steps: int,
    seed: int,
) -> Iterator[dict[str, float]]:
    """For each threshold the scores of the triples that are as probable."""
    for threshold in _thresholds(list(triples.values()), steps):
        chosen = {triple for triple, probability in triples.items() if probability >= threshold}
        score = compare(
            {(*triple, "causes") for triple in chosen},
            {(*triple, "causes") for triple in true},
            documents,
        )
        yield {
            "threshold": round(threshold, 3),
            **asdict(score),
            **_intervals(chosen, true, documents, seed),
            "triples": len(chosen),
        }


def _true_triples(documents: Sequence[Document]) -> set[Triple]:
    return {
        (document.id, f"MESH:{relation.head}", f"MESH:{relation.tail}")
        for document in documents
        for relation in document.relations
        if relation.kind == "CID"
    }


def _triples(graph: KnowledgeGraph) -> dict[Triple, float]:
    """What the graph's evidence asserts of each document, with the highest probability."""
    asserted = graph.evidence.filter(
        (pl.col("relation") == "CAUSES") & (pl.col("polarity").fill_null("asserted") == "asserted")
    )
    best = asserted.group_by("document", "subject", "object").agg(pl.col("probability").max())
    return {
        (document.removeprefix("PMID:"), subject, object_): probability
        for document, subject, object_, probability in best.iter_rows()
        # An end that is linked to nothing is a mention and no triple of identifiers.
        if not subject.startswith(OF_TEXTS) and not object_.startswith(OF_TEXTS)
    }


def _thresholds(probabilities: Sequence[float], steps: int) -> list[float]:
    """From the least probability on, with equally many triples between two of them."""
    if not probabilities:
        return [0.0]
    return sorted({float(q) for q in np.quantile(probabilities, np.arange(steps) / steps)})


def _intervals(
    chosen: set[Triple], true: set[Triple], documents: Sequence[str], seed: int
) -> dict[str, float]:
    place = {document: n for n, document in enumerate(documents)}
    counts = np.zeros((len(documents), 3))
    for triple in chosen:
        counts[place[triple[0]]] += (triple in true, 1, 0)
    for triple in true:
        counts[place[triple[0]], 2] += 1
    sums = draws_one_by_one(len(counts), np.random.default_rng(seed)) @ counts
    result: dict[str, float] = {}
    for name, column in (("precision", 1), ("recall", 2)):
        low, high = bootstrap_interval(sums[:, 0] / np.maximum(1, sums[:, column]))
        result |= {f"{name}_low": low, f"{name}_high": high}
    return result
