"""scispaCy's entity linker in the place of medkg's own, where its data are on this machine.

Its data (about 1 GB for UMLS) are fetched by scispaCy itself when somebody first uses its linker;
medkg reads them from scispaCy's cache and never fetches them. They contain a pickled vectorizer of
scikit-learn's: trust it as far as you trust where scispaCy got it from.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import polars as pl

from ...core.errors import MissingError, ModelError
from ...graph.kg import KnowledgeGraph
from .links import KINDS, EntityLink, LinkQuery

PREFIX = "scispacy_linker:"
# The least similarity of a link, scispaCy's own default. It is no probability.
THRESHOLD = 0.7
_CANDIDATES = 30
# How the concepts of each of scispaCy's linkers are written as CURIEs.
_CURIES = {"umls": "UMLS:{}", "mesh": "MESH:{}", "rxnorm": "RXNORM:{}", "hpo": "{}", "go": "{}"}


class _Candidate(Protocol):
    """A concept that scispaCy finds for a text, with the similarity of each of its aliases."""

    concept_id: str
    similarities: list[float]


class _CandidateGenerator(Protocol):
    """scispaCy's generator: the candidates of each text, `k` nearest aliases of each."""

    def __call__(self, mention_texts: list[str], k: int) -> list[list[_Candidate]]: ...


class ScispacyLinker:
    """Links mentions to the nodes of a graph whose identifier or cross-reference scispaCy finds.

    Args:
        terminology: the graph.
        name: which of scispaCy's linkers: umls, mesh, rxnorm, go, hpo.
        threshold: least similarity of a link.

    Raises:
        ModelError: scispaCy is not installed, has no such linker, or its data are not here.
        MissingError: no node of the graph has an identifier of that linker's.
    """

    def __init__(
        self, terminology: KnowledgeGraph, name: str, threshold: float | None = None
    ) -> None:
        self.threshold = THRESHOLD if threshold is None else threshold
        self._curie = _CURIES.get(name, "")
        self._generate = _generator(name)
        prefix = "HP:" if name == "hpo" else "GO:" if name == "go" else self._curie.format("")
        nodes = terminology.nodes.filter(pl.col("kind").is_in(list(KINDS)))
        # For each concept its nodes, those with its own identifier first.
        self._nodes: dict[str, list[tuple[str, str, str]]] = {}
        for own in (True, False):
            for identifier, kind, label, xrefs in nodes.select(
                "id", "kind", "name", "xrefs"
            ).iter_rows():
                for curie in [identifier] if own else xrefs or []:
                    if curie.startswith(prefix):
                        self._nodes.setdefault(curie, []).append((identifier, kind, label))
        if not self._nodes:
            raise MissingError(
                f"no node of the graph has an identifier or cross-reference {prefix}…, which is "
                f"what {PREFIX}{name} links to; give a graph that has them"
            )

    def in_document(self, mentions: Sequence[LinkQuery]) -> list[list[EntityLink]]:
        """For each mention the nodes that it may mean, the most similar first."""
        if not mentions:
            return []
        texts = [mention.long or mention.text for mention in mentions]
        links = []
        for mention, candidates in zip(mentions, self._generate(texts, _CANDIDATES), strict=True):
            kinds = KINDS.get(mention.kind, ())
            by_node: dict[str, EntityLink] = {}
            for candidate in sorted(candidates, key=lambda c: (-max(c.similarities), c.concept_id)):
                curie = self._curie.format(candidate.concept_id)
                nodes = [node for node in self._nodes.get(curie, ()) if node[1] in kinds]
                for identifier, kind, label in sorted(nodes, key=lambda n: kinds.index(n[1])):
                    score = min(1.0, float(max(candidate.similarities)))
                    by_node.setdefault(identifier, EntityLink(identifier, kind, label, score))
            links.append(list(by_node.values()))
        return links


def _generator(name: str) -> _CandidateGenerator:
    """scispaCy's generator of candidates, from its cache."""
    try:
        from scispacy import candidate_generation as scispacy
    except ImportError as error:
        raise ModelError(f"{PREFIX}{name} needs scispaCy: pip install 'medkg[scispacy]'") from error
    if name not in scispacy.DEFAULT_PATHS:
        known = ", ".join(sorted(_CURIES))
        raise ModelError(f"scispaCy has no linker {name!r}; one of {known}")
    base = scispacy.DEFAULT_KNOWLEDGE_BASES[name]
    address = inspect.signature(base).parameters["file_path"].default
    paths = scispacy.LinkerPaths(*(_cached(url, name) for url in scispacy.DEFAULT_PATHS[name]))
    aliases, vectorizer, index = paths.load()
    generator: _CandidateGenerator = scispacy.CandidateGenerator(
        ann_index=index,
        tfidf_vectorizer=vectorizer,
        ann_concept_aliases_list=aliases,
        kb=scispacy.KnowledgeBase(_cached(address, name)),
    )
    return generator


def _cached(url: str, name: str) -> str:
    """The file that scispaCy has fetched from an address; asking scispaCy itself would fetch it."""
    from scispacy import file_cache

    folder = Path(file_cache.DATASET_CACHE)
    hashed = sha256(url.encode("utf-8")).hexdigest()
    # <hash of the address>[.<hash of its version>].<last part>, and a .json about each beside it.
    files = [
        file for file in sorted(folder.glob(f"{hashed}*{url.rsplit('/', 1)[-1]}")) if file.is_file()
    ]
    if not files:
        raise ModelError(
            f"scispaCy's linker {name!r} has no data on this machine ({url.rsplit('/', 1)[-1]} is "
            f"not in {folder}). Let scispaCy fetch them once (about 1 GB for umls): python -c "
            '"from scispacy.candidate_generation import CandidateGenerator as C; '
            f"C(name='{name}')\""
        )
    return str(files[-1])
