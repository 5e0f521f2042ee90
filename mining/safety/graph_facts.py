"""What a graph holds that warnings are derived from: edges of drugs, the hierarchy, classes."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from functools import cached_property
from itertools import permutations
from typing import NamedTuple

import polars as pl

from ...core.json_reading import parse_object
from ...graph.kg import KnowledgeGraph
from .counterparts import Counterparts
from .warning import CAUSES, CONTRAINDICATED_FOR, INTERACTS_WITH, DraftWarning

LARGEST_CLASS = 30  # drugs; those of a larger class are not similar


class DrugEdge(NamedTuple):
    """An edge of a drug, in the order of the columns of `GraphFacts.drug_edges`."""

    drug: str
    other: str
    edge: str
    probability: float | None
    sources: list[str]
    properties: str | None

    def property(self, name: str) -> str | None:
        """A property of the edge, None where it has none of the name."""
        value: str | None = parse_object(self.properties).get(name)
        return value

    def draft(
        self, kind: str, about: str, text: str, *, factor: float | None = None
    ) -> DraftWarning:
        """A warning that this edge gives."""
        return DraftWarning(
            kind=kind,
            drug=self.drug,
            text=text,
            subject=self.drug,
            object=self.other,
            edge=self.edge,
            about=about,
            probability=self.probability,
            factor=factor,
        )


def edges_to(edges: pl.DataFrame, others: Collection[str]) -> list[DrugEdge]:
    """Those of a frame of drugs' edges whose other end is among these."""
    return [DrugEdge(*row) for row in edges.filter(pl.col("other").is_in(list(others))).rows()]


class GraphFacts:
    """What a graph holds about its drugs and diseases; each part is read when it is first used."""

    def __init__(self, kg: KnowledgeGraph):
        self.kg = kg
        self.counterparts = Counterparts(kg)

    # Drugs' edges

    @cached_property
    def contraindications(self) -> pl.DataFrame:
        return self.drug_edges(CONTRAINDICATED_FOR, None)

    @cached_property
    def interactions(self) -> pl.DataFrame:
        """In both directions."""
        rows = self.drug_edges(INTERACTS_WITH, "Drug")
        reversed_rows = rows.rename({"drug": "other", "other": "drug"}).select(rows.columns)
        return pl.concat([rows, reversed_rows])

    @cached_property
    def adverse_effects(self) -> pl.DataFrame:
        return self.drug_edges(CAUSES, None)

    @cached_property
    def contraindicated_drugs(self) -> set[str]:
        return set(self.contraindications["drug"])

    @cached_property
    def interacting_drugs(self) -> set[str]:
        return set(self.interactions["drug"])

    @cached_property
    def drugs_with_effects(self) -> set[str]:
        return set(self.adverse_effects["drug"])

    def drug_edges(self, relation: str, kind: str | None) -> pl.DataFrame:
        """Edges of a relation from a drug (to nodes of a kind): the columns of `DrugEdge`."""
        kinds = self.kg.nodes.select("id", "kind")
        rows = (
            self.kg.scan("edges")
            .filter(pl.col("relation") == relation)
            .select(
                drug="subject",
                other="object",
                edge="id",
                probability="probability",
                sources="sources",
                properties="properties",
            )
            .collect()
            .join(kinds.filter(kind="Drug"), left_on="drug", right_on="id", how="semi")
        )
        if kind is not None:
            rows = rows.join(kinds.filter(kind=kind), left_on="other", right_on="id", how="semi")
        return rows.sort("drug", "other")

    # Nodes

    def name(self, node: str) -> str:
        """A node's name; of what is no node (a state) itself."""
        return self.names.get(node, node)

    @cached_property
    def names(self) -> dict[str, str]:
        """The names that nodes are shown by, by identifier."""
        return dict(self.kg.nodes.select("id", "name").iter_rows())

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each node."""
        return dict(self.kg.nodes.select("id", "kind").iter_rows())

    # Hierarchy

    def broader(self, kind: str, nodes: Iterable[str]) -> list[str]:
        """All that these are forms of, by SUBCLASS_OF, within the kind; not they themselves."""
        return self._reachable(self._parents, kind, nodes)

    def narrower(self, kind: str, nodes: Iterable[str]) -> list[str]:
        """All their forms, by SUBCLASS_OF, within the kind; not they themselves."""
        return self._reachable(self._children, kind, nodes)

    def with_broader(self, drug: str) -> list[str]:
        """A drug, and all that it is a form of."""
        return [drug, *self.broader("Drug", [drug])]

    @cached_property
    def _parents(self) -> dict[str, list[str]]:
        rows = (
            self.kg.scan("edges")
            .filter(pl.col("relation") == "SUBCLASS_OF")
            .group_by("subject")
            .agg("object")
            .collect()
        )
        return dict(rows.iter_rows())

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for child, parents in self._parents.items():
            for parent in parents:
                children.setdefault(parent, []).append(child)
        return children

    def _reachable(
        self, neighbours: Mapping[str, list[str]], kind: str, nodes: Iterable[str]
    ) -> list[str]:
        start = list(nodes)
        seen, frontier = set(start), start
        while frontier:
            frontier = [
                other
                for node in frontier
                for other in neighbours.get(node, ())
                if other not in seen and self.kinds.get(other) == kind
            ]
            seen.update(frontier)
        return sorted(seen - set(start))

    # Similar drugs

    @cached_property
    def members(self) -> dict[str, list[str]]:
        """The drugs of each class."""
        rows = self.drug_edges("IN_CLASS", "DrugClass").sort("other", "drug")
        return dict(rows.group_by("other", maintain_order=True).agg("drug").iter_rows())

    @cached_property
    def similar_drugs(self) -> dict[str, dict[str, str]]:
        """Of each drug those of its classes, by the class, and those that resemble it, by ""."""
        similar: dict[str, dict[str, str]] = {}
        # The smallest class that two share says most.
        for shared, drugs in sorted(self.members.items(), key=lambda item: len(item[1])):
            if len(drugs) <= LARGEST_CLASS:
                for drug, other in permutations(drugs, 2):
                    similar.setdefault(drug, {}).setdefault(other, shared)
        resembling = self.drug_edges("RESEMBLES", "Drug").filter(pl.col("drug") != pl.col("other"))
        for drug, other in resembling.select("drug", "other").iter_rows():
            similar.setdefault(drug, {}).setdefault(other, "")
            similar.setdefault(other, {}).setdefault(drug, "")
        return similar

    def similar_to(self, drugs: Iterable[str], without: Container[str]) -> dict[str, list[str]]:
        """Each drug that is similar to some of these, with those, but for what is left out."""
        similar: dict[str, list[str]] = {}
        for drug in drugs:
            for other in self.similar_drugs.get(drug, ()):
                if other not in without:
                    similar.setdefault(other, []).append(drug)
        return similar
