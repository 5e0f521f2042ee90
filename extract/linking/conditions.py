"""Which node a condition is that a graph holds as a disease and as a symptom.

Sources divide what ails a patient differently: hypertension is a disease of the Disease Ontology
and a phenotype of HPO, vomiting a symptom to all but a list of what drugs are given for. A mention
means one thing, so it is one node, whatever is said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from ...graph.kg import KnowledgeGraph
from .forms import forms
from .links import EntityLink
from .name_index import key_of

CONDITIONS = ("Disease", "Symptom")
# These call a gene's form of a finding by the finding's name. Such a node is what a text means
# where a vocabulary of all diseases has it, too.
_OF_RARE_DISEASES = ("OMIM", "ORPHA", "DECIPHER")
_OF_ALL_DISEASES = r"^(?:MONDO:|DOID:|MESH:D)"
# Two links that differ by less are as good; that one is of the mention's kind makes some.
_AS_GOOD = 0.03


class Meaning(NamedTuple):
    """What a mention means.

    Attributes:
        node: which node it is.
        twin: a node of the other kind that is the same, or has the same name.
        read_as: the kind of the likeliest link, by what is read in this place.
    """

    node: EntityLink
    twin: EntityLink | None
    read_as: str


class _Counterpart(NamedTuple):
    """The node of the other kind that a cross-reference says is the same."""

    identifier: str
    kind: str
    name: str


class Conditions:
    """The diseases and symptoms of a graph that are one thing.

    Those are one that a cross-reference joins, to each other or to a third vocabulary, unless it
    joins several. The disease is what is meant, if a vocabulary of diseases has it; of one that
    only a source with identifiers of its own has, the symptom is.

    Args:
        terminology: the graph.
    """

    def __init__(self, terminology: KnowledgeGraph) -> None:
        nodes = terminology.nodes.filter(pl.col("kind").is_in(CONDITIONS))
        diseases = nodes.filter(kind="Disease")
        prefix = pl.col("id").str.split(":").list.first()
        is_rare = prefix.is_in(_OF_RARE_DISEASES)
        refers = pl.col("xrefs").list.eval(pl.element().str.contains(_OF_ALL_DISEASES)).list.any()
        is_known = prefix.is_in(list(terminology.schema.kind("Disease").prefixes))
        self._listed = frozenset(diseases.filter(is_known, ~is_rare | refers)["id"])
        self._rare = frozenset(diseases.filter(is_rare)["id"]) - self._listed
        self._made_up = frozenset(diseases["id"]) - self._listed - self._rare
        self._counterparts = _counterparts(nodes, self._listed)

    def meaning(self, links: Sequence[EntityLink]) -> Meaning | None:
        """What a mention means; None: there are no links.

        Args:
            links: the likely ones, of any kind, the likeliest first.
        """
        if not links:
            return None
        first, read_as = links[0], links[0].kind
        if first.identifier in self._made_up:
            first = self._counterpart(first) or first  # by a vocabulary's identifier
        same = self._counterpart(first)
        other = same or _namesake(first, links[1:])
        if other is None:
            return Meaning(first, None, read_as)
        disease, symptom = (first, other) if first.kind == "Disease" else (other, first)
        is_disease = disease.identifier in self._listed
        is_by_name = same is None or disease.identifier in self._rare
        # "Depression" is what has this name, and not a disorder that is called so, too.
        if disease.identifier in self._made_up:
            is_disease = False
        elif is_by_name and disease.is_own_name != symptom.is_own_name:
            is_disease = disease.is_own_name
        elif is_disease and same is None and first.score - other.score >= _AS_GOOD:
            is_disease = first is disease  # a name of both, that rather means this one
        if is_disease:
            return Meaning(disease, symptom, read_as)
        return Meaning(symptom, disease, read_as)

    def _counterpart(self, link: EntityLink) -> EntityLink | None:
        same = self._counterparts.get(link.identifier)
        if same is None:
            return None
        is_own = spelling(same.name) == spelling(link.name)
        return EntityLink(*same, link.score, is_own)


def spelling(name: str) -> str:
    """A name without regard to number, order and American or British spelling."""
    return forms(key_of(name)).spelling


def _counterparts(nodes: pl.DataFrame, listed: frozenset[str]) -> dict[str, _Counterpart]:
    """For each disease the symptom that is the same, and the reverse.

    Of several diseases that are a symptom the one is taken that a vocabulary of diseases has.
    """
    keys = pl.concat(
        [
            nodes.select("id", "kind", "name", key="id"),
            nodes.select("id", "kind", "name", key="xrefs").explode("key").drop_nulls(),
        ]
    ).unique()
    diseases, symptoms = (keys.filter(kind=kind).drop("kind") for kind in CONDITIONS)
    is_listed = pl.col("id").is_in(list(listed))
    of_diseases = (
        diseases.join(symptoms, on="key", suffix="_2")
        .unique(["id", "id_2"])
        .filter(pl.len().over("id") == 1)
    )
    of_symptoms = of_diseases.filter(is_listed == is_listed.any().over("id_2")).filter(
        pl.len().over("id_2") == 1
    )
    same = {
        disease: _Counterpart(symptom, "Symptom", name)
        for disease, symptom, name in of_diseases.select("id", "id_2", "name_2").iter_rows()
    }
    for symptom, disease, name in of_symptoms.select("id_2", "id", "name").iter_rows():
        same[symptom] = _Counterpart(disease, "Disease", name)
    return same


def _namesake(first: EntityLink, others: Sequence[EntityLink]) -> EntityLink | None:
    """The first of the other links that is of the other kind, and as good but for its kind.

    Or has the same name and is likelier than not: "chronic myeloid leukemia" is a phenotype of that
    name, and more than one disease.
    """
    for link in others:
        is_other = link.kind != first.kind and link.kind in CONDITIONS and first.kind in CONDITIONS
        is_named = link.score > 0.5 and spelling(link.name) == spelling(first.name)
        if is_other and (first.score - link.score < _AS_GOOD or is_named):
            return link
    return None
