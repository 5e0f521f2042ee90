"""Scores of linking mentions to identifiers, beside looking the exact name up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ...core.calibration import expected_calibration_error, reliability_bins
from ...core.errors import DataError
from ...core.quarantine import Quarantine
from ...core.statistics import bootstrap_interval, draws_one_by_one
from ...graph.kg import KnowledgeGraph
from ..corpora.document import Document
from ..corpora.readers import format_of, read_annotated
from .dictionary import PREFIXES, NameDictionary, nodes_by_identifier
from .linker import Linker
from .links import EntityLink
from .ranker import LinkingRanker
from .train import link_queries, prefixes_of

FORMATS = ("pubtator", "ncbi", "brat")
_DEPTHS = (1, 5, 10, 50)
_BINS = 10


@dataclass(frozen=True)
class _LinkedMention:
    """A mention with the links that a method gives it.

    Attributes:
        document: its place in the corpus.
        kind: of the mention.
        identifiers: the right ones, and the nodes that have them.
        reachable: whether the dictionary has a name of one of its identifiers.
        links: the likeliest first, without threshold.
        deep_links: the same among `_DEPTHS`' most candidates.
    """

    document: int
    kind: str
    identifiers: frozenset[str]
    reachable: bool
    links: Sequence[EntityLink]
    deep_links: Sequence[EntityLink]


def read_dictionary(
    names: Iterable[Path | KnowledgeGraph],
    prefixes: Iterable[str] = PREFIXES,
    labels: Mapping[str, str | None] | None = None,
) -> KnowledgeGraph:
    """A dictionary from annotated corpora and graphs; see `dictionary.NameDictionary`.

    Args:
        names: annotated texts (PubTator, or a folder of brat's), folders of graphs, graphs.
        prefixes: of the identifiers that are wanted.
        labels: kinds of the texts' labels, as in `read_annotated`.

    Raises:
        DataError: one of them can't be read.
    """
    dictionary = NameDictionary(prefixes)
    graphs = []
    for source in names:
        if isinstance(source, KnowledgeGraph):
            graphs.append(source)
        elif source.is_dir() and not any(source.rglob("*.ann")):
            graphs.append(KnowledgeGraph.open(source))
        else:
            documents = read_annotated(source, Quarantine(), labels=labels or {})
            dictionary.add_corpus(documents, "medkg")
    # After all corpora, whose names tell which identifiers a graph's nodes have.
    for graph in graphs:
        dictionary.add_graph(graph)
    return dictionary.graph()


def evaluate_linking(
    names: Sequence[Path | KnowledgeGraph],
    corpus: Path,
    format: str | None = None,
    *,
    labels: Mapping[str, str | None] | None = None,
    ranker: LinkingRanker | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
) -> pl.DataFrame:
    """Score linking on a corpus whose mentions have identifiers.

    A link is right if the node that it leads to, or one of its cross-references, is among the
    mention's identifiers. A mention counts as NIL where the
    corpus gives no identifier or none that the dictionary has a name of.

    Args:
        names: where the names come from; see `read_dictionary`.
        corpus: the file (brat: folder or archive) to score on.
        format: pubtator, ncbi or brat; None: told from the file.
        labels: kinds of the corpus' labels, as in `read_annotated`.
        ranker: a trained one; None: the one that ships.
        quarantine: takes the annotations that can't be used.

    Returns:
        Rows of kind and method (linker; exact name, the commonest node first): `mentions` with an
        identifier; `ceiling`, the share whose identifier has a name at all; `accuracy` of the first
        candidate, without threshold, with its 95 % interval (`low`, `high`; bootstrap over
        documents); `accuracy_reachable` of those under the ceiling and `recall_at_1` to `_50`
        there; with the threshold `precision`, `recall`, `f1` of links and `nil_precision`,
        `nil_recall`; `ece`, the expected calibration error of the first candidate's probability
        (ten bins of equal size); `nameless`, the identifiers that the dictionary has no name of.

    Raises:
        DataError: a file can't be read, a label is no kind, or there are no identifiers.
        ModelError: the ranker can't be read.
    """
    documents, prefixes = _read_gold(corpus, format, labels, quarantine)
    # BC5CDR knows MeSH alone, so that an equal name of OMIM's would be a mistake.
    dictionary = read_dictionary(names, prefixes, labels)
    linker = Linker(dictionary, ranker=ranker)
    by_method, nameless = _link_all(linker, dictionary, documents)
    scores = []
    for method, mentions in by_method.items():
        for kind in sorted({mention.kind for mention in mentions}):
            of_kind = [mention for mention in mentions if mention.kind == kind]
            scores.append(
                {
                    "kind": kind,
                    "method": method,
                    **_scores(of_kind, linker.threshold, len(documents), seed),
                    **_recalls(of_kind),
                    "nameless": sorted(nameless[kind]),
                }
            )
    return pl.DataFrame(scores).sort("kind", "method", descending=[False, True])


def _read_gold(
    corpus: Path,
    format: str | None,
    labels: Mapping[str, str | None] | None,
    quarantine: Quarantine | None,
) -> tuple[list[Document], set[str]]:
    """The documents of a corpus, and the prefixes of the identifiers that it gives."""
    quarantine = Quarantine() if quarantine is None else quarantine
    corpus_format = format or format_of(corpus)
    if corpus_format not in FORMATS:
        raise DataError(
            f"no identifiers in {corpus_format!r}; one of {', '.join(FORMATS)}", path=corpus
        )
    documents = read_annotated(corpus, quarantine, corpus_format=corpus_format, labels=labels or {})
    prefixes = prefixes_of(documents, "medkg")
    if not prefixes:
        raise DataError(
            "no mention has an identifier to link to; PubTator gives it in the sixth column, brat "
            "in lines such as N1, tab, Reference T1 MESH:D001249",
            path=corpus,
        )
    return documents, prefixes


def _link_all(
    linker: Linker, dictionary: KnowledgeGraph, documents: Sequence[Document]
) -> tuple[dict[str, list[_LinkedMention]], dict[str, set[str]]]:
    """By method the mentions with their links; by kind the identifiers that have no name."""
    nodes_of = nodes_by_identifier(dictionary)
    deep_linker = linker.with_candidates(max(_DEPTHS))
    by_method: dict[str, list[_LinkedMention]] = {"linker": [], "exact name": []}
    nameless: dict[str, set[str]] = defaultdict(set)
    for number, document in enumerate(documents):
        queries, gold = link_queries(document, "medkg")
        exact = [linker.exact(query) for query in queries]
        links = {
            "linker": (linker.in_document(queries), deep_linker.in_document(queries)),
            "exact name": (exact, exact),
        }
        for place, (query, identifiers) in enumerate(zip(queries, gold, strict=True)):
            nameless[query.kind] |= {i for i in identifiers if i not in nodes_of}
            nodes = {node for i in identifiers for node in nodes_of.get(i, ())}
            right = frozenset(identifiers | nodes)
            for method, (narrow, deep) in links.items():
                by_method[method].append(
                    _LinkedMention(
                        number, query.kind, right, bool(nodes), narrow[place], deep[place]
                    )
                )
    return by_method, nameless


def _scores(
    mentions: Sequence[_LinkedMention], threshold: float, documents: int, seed: int
) -> dict[str, float]:
    first = [mention.links[0] if mention.links else None for mention in mentions]
    right = np.array(
        [link is not None and link.identifier in m.identifiers
         for link, m in zip(first, mentions, strict=True)], dtype=bool,
    )  # fmt: skip
    linked = np.array([link is not None and link.score >= threshold for link in first], dtype=bool)
    true = np.array([bool(m.identifiers) for m in mentions], dtype=bool)
    reachable = np.array([m.reachable for m in mentions], dtype=bool)
    low, high = _interval(mentions, right, true, documents, seed)
    probabilities = np.array([link.score if link else 0.0 for link in first])
    bins = reliability_bins(probabilities, right, _BINS)
    precision = _share(right & linked, linked)
    recall = _share(right & linked, true)
    return {
        "mentions": int(true.sum()),
        "ceiling": _share(reachable, true),
        "accuracy": _share(right, true),
        "low": low,
        "high": high,
        "accuracy_reachable": _share(right, reachable),
        "precision": precision,
        "recall": recall,
        "f1": round(2 * precision * recall / max(1e-9, precision + recall), 4),
        "nil": int((~reachable).sum()),
        "nil_precision": _share(~reachable & ~linked, ~linked),
        "nil_recall": _share(~reachable & ~linked, ~reachable),
        "ece": round(expected_calibration_error(bins), 4),
    }


def _recalls(mentions: Sequence[_LinkedMention]) -> dict[str, float]:
    reachable = [mention for mention in mentions if mention.reachable]
    recalls = {}
    for depth in _DEPTHS:
        hits = [any(x.identifier in m.identifiers for x in m.deep_links[:depth]) for m in reachable]
        recalls[f"recall_at_{depth}"] = round(sum(hits) / max(1, len(hits)), 4)
    return recalls


def _share(some: npt.NDArray[np.bool_], all_: npt.NDArray[np.bool_]) -> float:
    return round(float((some & all_).sum() / max(1, all_.sum())), 4)


def _interval(
    mentions: Sequence[_LinkedMention],
    right: npt.NDArray[np.bool_],
    true: npt.NDArray[np.bool_],
    documents: int,
    seed: int,
) -> tuple[float, float]:
    places = np.array([mention.document for mention in mentions])
    hits = np.bincount(places, right & true, minlength=documents)
    totals = np.bincount(places, true, minlength=documents)
    counts = draws_one_by_one(documents, np.random.default_rng(seed))
    low, high = bootstrap_interval(counts @ hits / np.maximum(1, counts @ totals))
    return low, high
