"""What speaks for and against a drug: known pairs, paths, evidence, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import polars as pl

from ...graph.kg import KnowledgeGraph
from ..links.explain import Explainer, Path
from ..links.task import LinkTask
from ..safety.query import TreatmentQuery
from ..safety.safety import Safety
from ..safety.warning import SafetyWarning
from .candidates import Candidate
from .content import RELATIONS_AGAINST, Content
from .recommendation import DrugAssessment, contribution_texts
from .recorded import TAKEN, recorded_treatments

_PATHS_TRIED = 5  # for each path that is shown, since some contain relations against a drug


class Assessor:
    """Explains drugs from a graph.

    Attributes:
        names: that the nodes of the graph are shown by, by identifier.
        recorded: see `recorded_treatments`.
    """

    def __init__(self, graph: KnowledgeGraph, task: LinkTask, content: Content | None):
        self._graph, self._task, self._content = graph, task, content
        self.safety = Safety(graph)
        self._drugs = {drug: number for number, drug in enumerate(task.heads)}
        self._diseases = {disease: number for number, disease in enumerate(task.tails)}

    @property
    def names(self) -> dict[str, str]:
        return self.safety.names

    @cached_property
    def recorded(self) -> pl.DataFrame:
        return recorded_treatments(self._graph)

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self._graph, self._task.edge_type, self.names)

    def candidate(
        self,
        candidate: Candidate,
        query: TreatmentQuery,
        warnings: Sequence[SafetyWarning],
        n_paths: int,
    ) -> DrugAssessment:
        """Assess a candidate, with at most `n_paths` paths of the graph."""
        drug, disease, edge = candidate.drug, candidate.disease, candidate.edge
        paths = self._paths(drug, disease, n_paths) if n_paths else []
        evidence = self._explainer.evidence([edge]).get(edge, ()) if edge else ()
        return DrugAssessment(
            drug=drug,
            name=self.names[drug],
            disease=disease,
            disease_name=self.names[disease],
            status=candidate.status,
            rank=candidate.rank,
            score=candidate.score,
            probability=candidate.probability,
            recorded_probability=candidate.recorded_probability,
            sources=tuple(candidate.sources or ()),
            evidence=evidence,
            because=(
                *self._recorded_for_broader(drug, disease),
                *self._content_texts(drug, disease),
            ),
            paths=tuple(self._explainer.with_evidence(paths)),
            warnings=tuple(warnings),
            unchecked=tuple(self.safety.unchecked(drug, query)),
        )

    def taken(
        self, drug: str, query: TreatmentQuery, warnings: Sequence[SafetyWarning]
    ) -> DrugAssessment:
        """Assess a drug that is taken: what it is recorded for among the diseases, and what speaks
        against it."""
        recorded = self.recorded.filter(
            pl.col("drug") == drug, pl.col("disease").is_in(list(query.diseases))
        ).select("disease", "status", "edge", "recorded_probability", "sources")
        disease, status, edge, probability, sources = (
            recorded.row(0) if recorded.height else ("", TAKEN, "", None, ())
        )
        return DrugAssessment(
            drug=drug,
            name=self.names[drug],
            disease=disease,
            disease_name=self.names.get(disease, ""),
            status=status,
            rank=None,
            score=None,
            probability=None,
            recorded_probability=probability,
            sources=tuple(sources),
            evidence=self._explainer.evidence([edge]).get(edge, ()) if edge else (),
            because=(),
            paths=(),
            warnings=tuple(warnings),
            unchecked=tuple(self.safety.unchecked(drug, query)),
        )

    def _content_texts(self, drug: str, disease: str) -> list[str]:
        """What carries the pair's score by content, in words."""
        if self._content is None or drug not in self._drugs:
            return []
        contributions = self._content.contributions(self._drugs[drug], self._diseases[disease])
        return contribution_texts(contributions, self._task, self.names, disease)

    def _paths(self, drug: str, disease: str, most: int) -> list[Path]:
        """Paths without an edge that speaks against a drug: a contraindication, or an interaction
        of two drugs."""
        paths = self._explainer.paths(drug, disease, most=_PATHS_TRIED * most)
        return [
            path
            for path in paths
            if not any(
                step.relation in RELATIONS_AGAINST and step.subject in self._drugs
                for step in path.steps
            )
        ][:most]

    def _recorded_for_broader(self, drug: str, disease: str) -> list[str]:
        """The broader diseases that a drug is on record for."""
        broader = self.safety.broader_diseases(disease)
        rows = self.recorded.filter(pl.col("drug") == drug, pl.col("disease").is_in(broader))
        return [
            f"{status} {self.names[other]}, of which {self.names[disease]} is a form"
            for other, status in rows.select("disease", "status").iter_rows()
        ]
