"""A treatment model: which drugs may treat a disease, for whom, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from ...core.calibration import Calibration
from ...core.errors import MissingError, ModelError
from ...core.model_folder import ModelFolder, open_model, save_model
from ...core.tensors import with_prefix, without_prefix
from ...graph.frames import PREDICTIONS, conform, empty
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import open_training_graph
from ..links.baselines import Degree
from ..links.task import LinkTask, pairs_from_tensors
from ..safety.query import TreatmentQuery
from .assessment import Assessor
from .candidates import candidate_lists, candidate_rows, ordered_by_warnings
from .card import treatment_card
from .collaborative import Collaborative
from .content import Content
from .ensemble import TreatmentEnsemble
from .members import COLLABORATIVE, CONTENT, POPULARITY, ScoreRarity, TreatmentMember
from .recommendation import DrugAssessment, Recommendation
from .resolve import Notices, resolved_query

KIND = "treatment"
RELATION = "TREATS"
_RARITY = "rarity"  # of the members' scores, among the tensors


class TreatmentModel:
    """A trained model of which drugs treat a disease, with the graph that it answers from.

    Attributes:
        name: what predictions are signed with, such as `treatment-hybrid-1f3a9c02`.
        ensemble: what ranks; its `members` and their `weights`.
        task: drugs, diseases, and the TREATS edges in parts.
        metrics: figures of training, with n and intervals, beside each member's.
        graph: the graph that is answered from; `record` is what the folder keeps of the one that
            it was trained on, and `same_graph` whether they are the same.
    """

    def __init__(
        self,
        ensemble: TreatmentEnsemble,
        task: LinkTask,
        settings: Mapping[str, Any],
        seed: int,
        metrics: Mapping[str, Any],
        graph: KnowledgeGraph,
        record: Mapping[str, Any],
        *,
        same_graph: bool = True,
    ):
        self.ensemble, self.task = ensemble, task
        self.settings, self.seed, self.metrics = settings, seed, metrics
        self.graph, self.record, self.same_graph = graph, record, same_graph
        signed = json.dumps([settings, seed, task.held_back, record["checksum"]], sort_keys=True)
        digest = hashlib.sha256(signed.encode()).hexdigest()
        self.name = f"treatment-{settings['model']}-{digest[:8]}"

    @property
    def members(self) -> Mapping[str, TreatmentMember]:
        """What ranks, by name."""
        return self.ensemble.members

    @property
    def weights(self) -> Mapping[str, float]:
        """How much each member counts."""
        return self.ensemble.weights

    def scores(self, diseases: NDArray[np.int64], member: str | None = None) -> NDArray[np.float64]:
        """Scores of diseases (by number) with all drugs, (n, drugs); of one member alone where it
        is named."""
        return self.ensemble.scores(diseases, member)

    @cached_property
    def _drugs(self) -> dict[str, int]:
        return {drug: number for number, drug in enumerate(self.task.heads)}

    @cached_property
    def _diseases(self) -> dict[str, int]:
        return {disease: number for number, disease in enumerate(self.task.tails)}

    @cached_property
    def _assessor(self) -> Assessor:
        content = self.members.get(CONTENT)
        return Assessor(self.graph, self.task, content if isinstance(content, Content) else None)

    @property
    def names(self) -> dict[str, str]:
        """The names that the graph's nodes are shown by, by identifier."""
        return self._assessor.names

    # Recommending

    def recommend(
        self,
        diseases: str | Sequence[str] = (),
        *,
        symptoms: Sequence[str] = (),
        taking: Sequence[str] = (),
        allergic: Sequence[str] = (),
        also: Sequence[str] = (),
        age: float | None = None,
        sex: str | None = None,
        pregnant: bool | None = None,
        patient: str | None = None,
        top: int = 10,
        paths: int = 2,
    ) -> Recommendation:
        """Drugs for a disease, or for a patient: those on record, hypotheses, and those that must
        not be given, with what speaks for and against each. For research, not for care.

        All texts are identifiers or names.

        Args:
            diseases: those that a drug is sought for. For a patient of the graph all of the
                patient's, if not given.
            symptoms: what the patient has; it counts for adverse effects and contraindications.
            taking: current drugs; they count for interactions, and are not recommended again.
            allergic: drugs, or classes of drugs, that the patient must not have for an allergy or
                an intolerance; neither they nor drugs of such a class are recommended. With an
                exposure (latex) no drug is compared, which the checks say.
            also: other diseases, which count for what speaks against a drug.
            age: in years. sex: `female` or `male`.
            pregnant: None where it isn't known.
            patient: a patient of the graph, whose diseases, symptoms, drugs, allergies, sex and age
                are added. No drug is sought for those of its diseases that the model has not seen.
            top: how many on record, and how many hypotheses, for each disease.
            paths: how many paths of the graph explain each.

        Raises:
            MissingError: no such entity (near ones are named), or none that the model has seen.
            DataError: no disease, an age or sex that is none, or a pregnant man.
        """
        notices: Notices = []
        texts = TreatmentQuery(
            diseases=(diseases,) if isinstance(diseases, str) else tuple(diseases),
            also=tuple(also), symptoms=tuple(symptoms), taking=tuple(taking),
            allergic=tuple(allergic), age=age, sex=sex, pregnant=pregnant,
        )  # fmt: skip
        query = resolved_query(self.graph, texts, patient, self._diseases, notices)
        return self._answer(query, notices, top, paths)

    def _answer(
        self, query: TreatmentQuery, notices: Notices, top: int, n_paths: int
    ) -> Recommendation:
        assessor = self._assessor
        rows = self._candidate_rows(query, notices)
        warnings = assessor.safety.warnings(query, {*rows["drug"], *query.taking})
        lists = candidate_lists(ordered_by_warnings(rows, query, warnings), top)
        self._note_what_is_lacking(query, notices)
        recorded, hypotheses, excluded = (
            tuple(
                assessor.candidate(candidate, query, warnings.get(candidate.drug, ()), n_paths)
                for candidate in candidates
            )
            for candidates in (lists.recorded, lists.hypotheses, lists.excluded)
        )
        nodes = (*query.diseases, *query.also, *query.symptoms, *query.taking, *query.allergic)
        return Recommendation(
            model=self.name,
            patient=query,
            names={node: assessor.names[node] for node in nodes},
            base_rate=self.ensemble.calibration.base_rate,
            recorded=recorded,
            n_recorded=lists.n_recorded,
            hypotheses=hypotheses,
            contraindicated=excluded,
            taking=tuple(
                assessor.taken(drug, query, warnings.get(drug, ())) for drug in query.taking
            ),
            checks=tuple(assessor.safety.checks(query)),
            notices=tuple(notices),
        )

    def _candidate_rows(self, query: TreatmentQuery, notices: Notices) -> pl.DataFrame:
        """See `candidates.candidate_rows`; says for which diseases there is no hypothesis.

        Raises:
            MissingError: the model has not seen a disease.
        """
        for disease in query.diseases:
            if disease not in self._diseases:
                raise MissingError(
                    f"{self.name} has not seen {disease}: it was not in the graph that the model"
                    " was trained on; train a model on a graph that holds it"
                )
        diseases = np.array([self._diseases[d] for d in query.diseases], dtype=np.int64)
        taking = [self._drugs[drug] for drug in query.taking if drug in self._drugs]
        ranks = self.ensemble.ranks(diseases, taking)
        for disease, has_evidence in zip(query.diseases, ranks.has_evidence, strict=True):
            if not has_evidence:
                notices.append(
                    f"nothing in the graph speaks for any new drug for"
                    f" {self._assessor.names[disease]} ({disease}): it shares no drug, gene,"
                    " symptom or kin with another disease, so no hypothesis is given"
                )
        return candidate_rows(query, self.task.heads, ranks, self._assessor.recorded)

    def _note_what_is_lacking(self, query: TreatmentQuery, notices: Notices) -> None:
        names, recorded = self._assessor.names, set(self._assessor.recorded["disease"])
        notices.extend(
            f"no source in the graph records a drug for {names[disease]} ({disease}); all that is"
            " shown for it is a hypothesis"
            for disease in query.diseases
            if disease not in recorded
        )
        notices.extend(
            f"the model has not seen {names[drug]} ({drug}), which is taken"
            for drug in query.taking
            if drug not in self._drugs
        )

    # Writing back

    def predictions(
        self, diseases: Sequence[str], top: int = 10, *, date: str, paths: int = 3
    ) -> pl.DataFrame:
        """Hypotheses to write back to a graph.

        They are about a disease and no patient. Drugs that are contraindicated for the disease are
        left out; what else speaks against one is in its `explanation` (JSON: `paths`, `because`,
        `warnings`).

        Args:
            diseases: identifiers or names.
            date: of the predictions, ISO 8601.

        Returns:
            Columns head, relation, tail, model, score, probability, base_rate, rank, direction,
            known, date, explanation.
        """
        rows = [
            {
                "head": drug.drug,
                "relation": RELATION,
                "tail": drug.disease,
                "model": self.name,
                "score": drug.score,
                "probability": drug.probability,
                "base_rate": self.ensemble.calibration.base_rate,
                "rank": drug.rank,
                "direction": "head",
                "known": False,
                "date": date,
                "explanation": _explanation_json(drug),
            }
            for disease in diseases
            for drug in self.recommend(disease, top=top, paths=paths).hypotheses
        ]
        return conform(pl.DataFrame(rows), PREDICTIONS) if rows else empty(PREDICTIONS)

    # Folder

    def save(self, path: Path | str, *, graph_path: Path | str | None = None) -> None:
        """Write the model to a folder; `graph_path` is where its graph is saved.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        record = dict(self.record)
        if graph_path is not None:
            record["path"] = str(Path(graph_path).resolve())
        content = self.members.get(CONTENT)
        settings = {
            **self.settings,
            "members": list(self.members),
            "weights": dict(self.weights),
            "content": content.weights if isinstance(content, Content) else None,
            "calibration": self.ensemble.calibration.to_dict(),
        }
        tensors = {
            key: tensor
            for name, member in self.members.items()
            for key, tensor in with_prefix(name, member.tensors()).items()
        }
        for name, rarity in self.ensemble.rarities.items():
            tensors |= with_prefix(f"{_RARITY}.{name}", rarity.tensors())
        tensors |= self.task.pair_tensors()
        folder = ModelFolder(
            kind=KIND,
            settings=settings,
            seed=self.seed,
            metrics=self.metrics,
            split=self.task.held_back,
            graph=record,
            vocabulary={"drugs": self.task.heads, "diseases": self.task.tails},
            tensors=tensors,
            card=self.card(),
        )
        save_model(path, folder)

    def card(self) -> str:
        """The model card, Markdown."""
        return treatment_card(self)


def _explanation_json(drug: DrugAssessment) -> str:
    explanation = {
        "paths": [path.of_prediction() for path in drug.paths],
        "because": list(drug.because),
        "warnings": [warning.text for warning in drug.warnings],
    }
    return json.dumps(explanation, ensure_ascii=False)


def load_treatment_model(path: Path | str, graph: KnowledgeGraph | None = None) -> TreatmentModel:
    """Read a treatment model's folder, and the graph that it records, or answer from `graph`.

    Raises:
        ModelError: no model folder, a damaged one, one of another kind or version, or its graph is
            gone or has changed and no other is given.
    """
    folder = open_model(path, KIND)
    graph, same_graph = open_training_graph(
        path,
        folder.graph,
        graph,
        other="what is new in it has no ranks, but counts for what is on record and what speaks"
        " against a drug",
    )
    try:
        settings = dict(folder.settings)
        task = LinkTask(
            edge_type=("Drug", RELATION, "Disease"),
            heads=folder.vocabulary["drugs"],
            tails=folder.vocabulary["diseases"],
            **pairs_from_tensors(folder.tensors),
            held_back=dict(folder.split),
            symmetric=False,
        )
        content_weights = settings.pop("content")
        members = settings.pop("members")
        ensemble = TreatmentEnsemble(
            {
                name: _member(name, without_prefix(name, folder.tensors), content_weights)
                for name in members
            },
            settings.pop("weights"),
            {
                name: ScoreRarity.from_tensors(without_prefix(f"{_RARITY}.{name}", folder.tensors))
                for name in members
            },
            Calibration.from_dict(settings.pop("calibration")),
            task.matrix("train"),
        )
        return TreatmentModel(
            ensemble,
            task,
            settings,
            folder.seed,
            folder.metrics,
            graph,
            folder.graph,
            same_graph=same_graph,
        )
    except (KeyError, ValueError, TypeError, RuntimeError, IndexError) as error:
        raise ModelError(f"{path}: is damaged ({error}); train the model anew") from error


def _member(
    name: str,
    tensors: Mapping[str, torch.Tensor],
    content_weights: Mapping[str, Mapping[str, float]],
) -> TreatmentMember:
    """The member of this name that gave these `tensors`."""
    if name == POPULARITY:
        return Degree.from_tensors(tensors)
    if name == CONTENT:
        return Content.from_tensors(tensors, content_weights)
    if name == COLLABORATIVE:
        return Collaborative.from_tensors(tensors)
    from ..links.ranker import LinkRanker  # LightGBM is loaded where it is needed

    return LinkRanker.from_tensors(tensors)
