"""Dictionaries for scoring and training links: the names of MeSH and OMIM identifiers at hand."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import polars as pl

from ...core.quarantine import Quarantine
from ...graph.kg import KnowledgeGraph
from ..corpora.document import Document, Mention, flat_mentions
from .name_index import COUNTS, key_of

# The identifiers that BC5CDR and the NCBI disease corpus give to mentions.
PREFIXES = ("MESH", "OMIM")
# What these corpora call a disease, ontologies may call a symptom.
_KIND = {
    "Disease": "Disease",
    "Symptom": "Disease",
    "Drug": "Drug",
    "Target": "Target",
    "Procedure": "Procedure",
}

_NODES: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "synonyms": pl.List(pl.String),
    "xrefs": pl.List(pl.String),
    "properties": pl.String,
}


def identifiers(mention: Mention) -> set[str]:
    """The identifiers that a corpus gives to a mention, as CURIEs; none where it says −1.

    PubTator leaves out the prefixes of MeSH's and, of genes, NCBI's.
    """
    prefix = "NCBIGene" if mention.kind == "Target" else "MESH"
    identifiers = re.split(r"[+|;]", mention.identifier or "")
    return {
        p if ":" in p else f"{prefix}:{p}"
        for p in map(str.strip, identifiers)
        if p not in ("", "-1")
    }


def nodes_by_identifier(dictionary: KnowledgeGraph) -> dict[str, set[str]]:
    """For each identifier and cross-reference the nodes that have it."""
    nodes: dict[str, set[str]] = {}
    for node, xrefs in dictionary.nodes.select("id", "xrefs").iter_rows():
        for identifier in (node, *xrefs):
            nodes.setdefault(identifier, set()).add(node)
    return nodes


class NameDictionary:
    """Names of identifiers, gathered from corpora and graphs.

    Args:
        prefixes: those of the identifiers that are wanted.
    """

    def __init__(self, prefixes: Iterable[str] = PREFIXES) -> None:
        self._prefixes = frozenset(prefixes)
        self._kinds: dict[str, str] = {}
        self._annotated: dict[str, Counter[str]] = {}
        self._from_graphs: dict[str, dict[str, None]] = {}  # the names that graphs give, in order
        # Identifiers of the same node of a graph, either way.
        self._equivalent: dict[str, set[str]] = {}

    def add_corpus(self, documents: Iterable[Document], format: str) -> None:
        """Take the texts of a corpus' mentions as names of their identifiers, and count them."""
        for document in documents:
            for mention in flat_mentions(document, format):
                text = " ".join(document.text[mention.start : mention.end].split())
                for identifier in sorted(identifiers(mention)):
                    if identifier.split(":")[0] in self._prefixes:
                        # An identifier that a corpus gives to two kinds keeps the first.
                        self._kinds.setdefault(identifier, mention.kind)
                        self._annotated.setdefault(identifier, Counter())[text] += 1

    def add_graph(self, graph: KnowledgeGraph) -> None:
        """Take the names of a graph's nodes of the kinds that are linked to; after the corpora.

        They name the identifier that the corpora give to the node's own name, if that is one;
        else the node's identifier or cross-references; else what the corpora give to its synonyms.
        Of several prefixes the node has an identifier each: one that the corpora give, else the
        node's own, else the first, has the names, and the others are cross-references.
        """
        ids_of: dict[tuple[str, str], set[str]] = {}
        for identifier, names in self._annotated.items():
            for name in names:
                key = _KIND[self._kinds[identifier]], key_of(name)
                ids_of.setdefault(key, set()).add(identifier)
        nodes = graph.nodes.filter(pl.col("kind").is_in(list(_KIND)))
        for node, kind, name, synonyms, xrefs in nodes.select(
            "id", "kind", "name", "synonyms", "xrefs"
        ).iter_rows():
            own = self._one_a_prefix([node, *(xrefs or [])])
            own.sort(key=lambda identifier: identifier not in self._annotated)
            ids = ids_of.get((_KIND[kind], key_of(name)), set())
            if len(ids) != 1:
                ids = set(own[:1])
            if not ids:
                keys = {(_KIND[kind], key_of(text)) for text in synonyms or []}
                ids = {i for key in keys for i in ids_of.get(key, ())}
            if len(ids) == 1:  # else it is not known which of them it is
                identifier = next(iter(ids))
                self._kinds.setdefault(identifier, _KIND[kind])
                names_of = self._from_graphs.setdefault(identifier, {})
                names_of.update(dict.fromkeys([name, *(synonyms or [])]))
                prefixes = {other.split(":")[0] for other in own if other != identifier}
                if identifier.split(":")[0] in prefixes:
                    continue  # the corpora and the graph disagree
                for other in own:
                    if other != identifier:
                        self._equivalent.setdefault(identifier, set()).add(other)
                        self._equivalent.setdefault(other, set()).add(identifier)

    def _one_a_prefix(self, ids: Sequence[str]) -> list[str]:
        """A node's identifiers of the wanted prefixes, in order; none of a prefix with several.

        The node's own, which comes first, is one whatever its cross-references are.
        """
        wanted = [i for i in dict.fromkeys(ids) if i.split(":")[0] in self._prefixes]
        count = Counter(identifier.split(":")[0] for identifier in wanted)
        return [i for i in wanted if i == ids[0] or count[i.split(":")[0]] == 1]

    def graph(self, *, annotated: bool = True, counts: bool = True) -> KnowledgeGraph:
        """The identifiers as nodes.

        Args:
            annotated: with the names that only corpora gave.
            counts: say how often each name was annotated.
        """
        rows = []
        for identifier, kind in self._kinds.items():
            counted = self._annotated.get(identifier, Counter()) if annotated else Counter()
            texts = list(dict.fromkeys([*self._from_graphs.get(identifier, ()), *sorted(counted)]))
            if texts:
                more = json.dumps({COUNTS: counted}) if counts and counted else None
                same = self._one_a_prefix(["", *sorted(self._equivalent.get(identifier, ()))])
                rows.append((identifier, kind, texts[0], texts[1:], same, more))
        none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
        return KnowledgeGraph.build(
            pl.DataFrame(rows, schema=_NODES, orient="row"),
            pl.DataFrame(schema=none),
            [],
            quarantine=Quarantine(),
        )
