"""A treatment model: which drugs may treat a disease, for whom, and why."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse

from ...core.calibration import Calibration
from ...core.errors import MissingError, ModelError
from ...core.model_folder import (
    ModelFolder,
    open_model,
    save_model,
    with_prefix,
    without_prefix,
)
from ...graph.frames import PREDICTIONS, conform, empty
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import open_training_graph
from ..links.baselines import Degree
from ..links.explain import Explainer
from ..links.explain import Path as GraphPath
from ..links.task import LinkTask
from ..safety.query import TreatmentQuery
from ..safety.safety import Safety
from ..safety.warning import EXCLUDING
from .card import treatment_card
from .collaborative import Collaborative
from .content import AGAINST, Content
from .members import (
    Member,
    blend,
    levels,
    raw_scores,
)
from .recommendation import Drug, Recommendation, texts_of
from .resolve import (
    Notices,
    checked,
    resolved,
    resolved_allergens,
    with_record,
)

KIND = "treatment"
RELATION = "TREATS"
_RECORDED = {"TREATS": "treats", "PALLIATES": "palliates"}
HYPOTHESIS = "hypothesis"
_LEVELS = {"treats": 0, "palliates": 1, HYPOTHESIS: 2}


class TreatmentModel:
    """A trained model of which drugs treat a disease, with the graph that it answers from.

    Attributes:
        name: what predictions are signed with, such as `treatment-hybrid-1f3a9c02`.
        task: drugs, diseases, and the TREATS edges in parts.
        members: what ranks, by name; `weights`: how much each counts.
        calibration: from a disease's level and a hypothesis' rank to a probability.
        metrics: figures of training, with n and intervals, beside each member's.
        graph: the graph that is answered from; `record` is what the folder keeps of the one that
            it was trained on, and `same_graph` whether they are the same.
    """

    def __init__(
        self,
        members: Mapping[str, Member],
        weights: Mapping[str, float],
        scales: Mapping[str, tuple[float, float]],
        calibration: Calibration,
        task: LinkTask,
        settings: Mapping[str, Any],
        seed: int,
        metrics: Mapping[str, Any],
        graph: KnowledgeGraph,
        record: Mapping[str, Any],
        *,
        same_graph: bool = True,
    ):
        self.members, self.weights, self.scales = members, weights, scales
        self.calibration, self.task = calibration, task
        self.settings, self.seed, self.metrics = settings, seed, metrics
        self.graph, self.record, self.same_graph = graph, record, same_graph
        signed = json.dumps([settings, seed, task.held_back, record["checksum"]], sort_keys=True)
        digest = hashlib.sha256(signed.encode()).hexdigest()
        self.name = f"treatment-{settings['model']}-{digest[:8]}"

    # Ranking

    def scores(self, diseases: NDArray[np.int64], member: str | None = None) -> NDArray[np.float64]:
        """Scores of diseases (by number) with all drugs, (n, drugs): -Σ weight · log(rank); of one
        member alone where it is named."""
        weights = self.weights if member is None else {member: 1.0}
        members = {name: self.members[name] for name in weights}
        return blend(raw_scores(members, diseases), weights, self._trained_of(diseases))

    def _trained_of(self, diseases: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(self._trained[:, diseases].T.toarray(), dtype=np.float64)

    @cached_property
    def _trained(self) -> sparse.csr_matrix:
        return self.task.matrix("train")

    @cached_property
    def _drugs(self) -> dict[str, int]:
        return {drug: number for number, drug in enumerate(self.task.heads)}

    @cached_property
    def _diseases(self) -> dict[str, int]:
        return {disease: number for number, disease in enumerate(self.task.tails)}

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
        wanted = [diseases] if isinstance(diseases, str) else list(diseases)
        asked = TreatmentQuery(
            diseases=resolved(self.graph, wanted, "Disease", notices),
            also=resolved(self.graph, also, "Disease", notices),
            symptoms=resolved(self.graph, symptoms, "Symptom", notices),
            taking=resolved(self.graph, taking, "Drug", notices),
            allergic=resolved_allergens(self.graph, allergic, notices),
            age=age,
            sex=sex,
            pregnant=pregnant,
        )
        if patient is not None:
            asked = with_record(self.graph, asked, patient, self._diseases, notices)
        asked = checked(asked)
        rows = self._rows(asked, notices)
        against = self._safety.warnings(asked, {*rows["drug"], *asked.taking})
        rows = rows.with_columns(
            out=pl.Series(
                [any(w.kind in EXCLUDING for w in against.get(drug, ())) for drug in rows["drug"]],
                dtype=pl.Boolean,
            ),
            factor=pl.Series(
                [math.prod(w.factor for w in against.get(drug, ())) for drug in rows["drug"]],
                dtype=pl.Float64,
            ),
        ).with_columns(
            # Of those on record the place among these; of hypotheses the model's rank.
            place=pl.when(pl.col("status") == HYPOTHESIS)
            .then(pl.col("rank"))
            .otherwise(pl.col("score").rank("ordinal", descending=True).over("disease", "status"))
            * pl.col("factor"),
            number=pl.col("disease").replace_strict(
                {disease: number for number, disease in enumerate(asked.diseases)}
            ),
            level=pl.col("status").replace_strict(_LEVELS),
        )
        # What treats goes before what palliates, and either in the order of their places.
        rows = rows.sort("number", "level", "place", "drug", nulls_last=True)
        recorded, each = pl.col("status") != HYPOTHESIS, pl.int_range(pl.len()).over("disease")
        on_record = rows.filter(recorded, ~pl.col("out"))
        guessed = rows.filter(~recorded, ~pl.col("out")).filter(each < top)
        last = max([top, *guessed["rank"]])
        out = rows.filter("out", recorded | (pl.col("rank") <= last))
        self._say_what_is_lacking(asked, notices)

        def told(chosen: pl.DataFrame) -> tuple[Drug, ...]:
            return tuple(
                self._drug(row, asked, against, paths) for row in chosen.iter_rows(named=True)
            )

        return Recommendation(
            model=self.name,
            patient=asked,
            names={
                node: self._names[node]
                for node in (
                    *asked.diseases,
                    *asked.also,
                    *asked.symptoms,
                    *asked.taking,
                    *asked.allergic,
                )
            },
            base_rate=self.calibration.base_rate,
            recorded=told(on_record.filter(each < top)),
            n_recorded=on_record.height,
            hypotheses=told(guessed),
            contraindicated=told(out),
            taking=tuple(self._taken(drug, asked, against.get(drug, ())) for drug in asked.taking),
            checks=tuple(self._safety.checks(asked)),
            notices=tuple(notices),
        )

    def _rows(self, asked: TreatmentQuery, notices: Notices) -> pl.DataFrame:
        """Each drug once, for the disease that it is best for, but those that are taken.

        Columns drug, disease, status, rank (among the drugs that were not trained on for the
        disease), score, probability (null where it is on record), and of those on record edge,
        recorded_probability and sources.
        """
        numbers = []
        for disease in asked.diseases:
            if disease not in self._diseases:
                raise MissingError(
                    f"{self.name} has not seen {disease}: it was not in the graph that the model"
                    " was trained on; train a model on a graph that holds it"
                )
            numbers.append(self._diseases[disease])
        diseases = np.array(numbers, dtype=np.int64)
        raw, trained = raw_scores(self.members, diseases), self._trained_of(diseases)
        self._add_patient(raw, asked)
        blended = blend(raw, self.weights, trained)
        strength = levels(raw, self.weights, self.scales, blended, trained)
        frames = []
        for row, disease in enumerate(asked.diseases):
            recorded = self._recorded.filter(disease=disease)
            places = _places(blended[row], trained[row] > 0)
            level = np.full(len(places), strength[row])
            frame = pl.DataFrame(
                {
                    "drug": pl.Series(self.task.heads, dtype=pl.String),
                    "score": blended[row],
                    "rank": places,
                    "probability": self.calibration.probability(level, places.astype(float)),
                }
            )
            # A drug that is new in this graph can be on record, too.
            frame = frame.join(recorded, on="drug", how="full", coalesce=True)
            frame = frame.with_columns(
                disease=pl.lit(disease), status=pl.col("status").fill_null(HYPOTHESIS)
            )
            if not self._speaks(raw, row, trained[row]):
                notices.append(
                    f"nothing in the graph speaks for any new drug for {self._names[disease]}"
                    f" ({disease}): it shares no drug, gene, symptom or kin with another disease,"
                    " so no hypothesis is given"
                )
                frame = frame.filter(pl.col("status") != HYPOTHESIS)
            frames.append(frame)
        rows = pl.concat(frames).with_columns(
            probability=pl.when(pl.col("status") == HYPOTHESIS).then("probability")
        )
        rows = rows.filter(~pl.col("drug").is_in(list(asked.taking)))
        return rows.sort(
            pl.col("status").replace_strict(_LEVELS),
            "rank",
            "drug",
            nulls_last=True,
        ).unique("drug", keep="first", maintain_order=True)

    def _add_patient(self, raw: dict[str, NDArray[np.float64]], asked: TreatmentQuery) -> None:
        """Where the model has learned from patients, what those who take the same drugs take:
        the mean of both, in standard deviations."""
        member = self.members.get("collaborative")
        taken = [self._drugs[drug] for drug in asked.taking if drug in self._drugs]
        if not isinstance(member, Collaborative) or not member.patients or not taken:
            return
        own = member.score_for(taken)
        own = (own - own.mean()) / (own.std() or 1.0)
        mean, spread = self.scales["collaborative"]
        # On the scale of the diseases' scores.
        raw["collaborative"] = (raw["collaborative"] + (mean + spread * own)) / 2

    def _speaks(
        self, raw: Mapping[str, NDArray[np.float64]], row: int, trained: NDArray[np.float64]
    ) -> bool:
        """Whether any member but popularity tells the disease's drugs apart."""
        others = [name for name, weight in self.weights.items() if weight and name != "popularity"]
        free = trained == 0
        return not others or any(np.ptp(raw[name][row][free]) > 0 for name in others)

    def _say_what_is_lacking(self, asked: TreatmentQuery, notices: Notices) -> None:
        for disease in asked.diseases:
            if disease not in self._recorded["disease"]:
                notices.append(
                    f"no source in the graph records a drug for {self._names[disease]}"
                    f" ({disease}); all that is shown for it is a hypothesis"
                )
        missing = [drug for drug in asked.taking if drug not in self._drugs]
        for drug in missing:
            notices.append(f"the model has not seen {self._names[drug]} ({drug}), which is taken")

    # Explaining

    def _drug(
        self,
        row: Mapping[str, Any],
        asked: TreatmentQuery,
        against: Mapping[str, Sequence[Any]],
        paths: int,
    ) -> Drug:
        drug, disease = row["drug"], row["disease"]
        content = self.members.get("content")
        carriers = []
        if isinstance(content, Content) and drug in self._drugs:
            carriers = content.carriers(self._drugs[drug], self._diseases[disease])
        found = self._paths_for(drug, disease, paths) if paths else []
        evidence = self._explainer.evidence([row["edge"]]) if row["edge"] else {}
        return Drug(
            drug=drug,
            name=self._names[drug],
            disease=disease,
            disease_name=self._names[disease],
            status=row["status"],
            rank=row["rank"],
            score=row["score"],
            probability=row["probability"],
            recorded_probability=row["recorded_probability"],
            sources=tuple(row["sources"] or ()),
            evidence=evidence.get(row["edge"], ()),
            because=(
                *self._recorded_for_wider(drug, disease),
                *texts_of(carriers, self.task, self._names, disease),
            ),
            paths=tuple(self._explainer.with_evidence(found)),
            warnings=tuple(against.get(drug, ())),
            unchecked=tuple(self._safety.unchecked(drug, asked)),
        )

    def _paths_for(self, drug: str, disease: str, most: int) -> list[GraphPath]:
        """Paths without an edge that speaks against a drug: a contraindication, or an interaction
        of two drugs."""
        found = self._explainer.paths(drug, disease, most=5 * most)
        return [
            path
            for path in found
            if not any(
                step.relation in AGAINST and step.subject in self._drugs for step in path.steps
            )
        ][:most]

    def _taken(self, drug: str, asked: TreatmentQuery, against: Sequence[Any]) -> Drug:
        """A drug that is taken: what it is recorded for among the diseases, and what speaks
        against it."""
        known = self._recorded.filter(
            pl.col("drug") == drug, pl.col("disease").is_in(list(asked.diseases))
        )
        first = known.row(0, named=True) if known.height else None
        disease = first["disease"] if first else ""
        return Drug(
            drug=drug,
            name=self._names[drug],
            disease=disease,
            disease_name=self._names.get(disease, ""),
            status=first["status"] if first else "taken",
            rank=None,
            score=None,
            probability=None,
            recorded_probability=first["recorded_probability"] if first else None,
            sources=tuple(first["sources"]) if first else (),
            evidence=self._explainer.evidence([first["edge"]]).get(first["edge"], ())
            if first
            else (),
            because=(),
            paths=(),
            warnings=tuple(against),
            unchecked=tuple(self._safety.unchecked(drug, asked)),
        )

    def _recorded_for_wider(self, drug: str, disease: str) -> list[str]:
        """The wider diseases that a drug is on record for."""
        rows = self._recorded.filter(
            pl.col("drug") == drug, pl.col("disease").is_in(self._safety.broader_diseases(disease))
        )
        return [
            f"{status} {self._names[wider]}, of which {self._names[disease]} is a form"
            for wider, status in rows.select("disease", "status").iter_rows()
        ]

    @cached_property
    def _names(self) -> dict[str, str]:
        return dict(self.graph.nodes.select("id", "name").iter_rows())

    @cached_property
    def _safety(self) -> Safety:
        return Safety(self.graph)

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.graph, self.task.edge_type)

    @cached_property
    def _recorded(self) -> pl.DataFrame:
        """The pairs that the graph holds: drug, disease, status, edge, recorded_probability,
        sources; a pair that treats and palliates is one that treats."""
        rows = (
            self.graph.scan("edges")
            .filter(pl.col("relation").is_in(list(_RECORDED)))
            .select(
                drug="subject",
                disease="object",
                status=pl.col("relation").replace_strict(_RECORDED, return_dtype=pl.String),
                edge="id",
                recorded_probability="probability",
                sources="sources",
            )
            .collect()
        )
        return rows.sort("drug", "disease", "status", descending=[False, False, True]).unique(
            ["drug", "disease"], keep="first", maintain_order=True
        )

    # Writing back

    def predictions(
        self, diseases: Sequence[str], top: int = 10, *, date: str, paths: int = 3
    ) -> pl.DataFrame:
        """Hypotheses to write back: the columns of `medkg.graph.frames.PREDICTIONS`.

        They are about a disease and no patient. Drugs that are contraindicated for the disease are
        left out; what else speaks against one is in its `explanation` (JSON: `paths`, `because`,
        `warnings`).

        Args:
            diseases: identifiers or names.
            date: of the predictions, ISO 8601.
        """
        rows = []
        for disease in diseases:
            found = self.recommend(disease, top=top, paths=paths)
            for drug in found.hypotheses:
                said = {
                    "paths": [
                        {
                            "weight": round(path.weight, 8),
                            "text": str(path),
                            "steps": [
                                {
                                    name: getattr(step, name)
                                    for name in ("edge", "subject", "relation", "object")
                                }
                                for step in path.steps
                            ],
                        }
                        for path in drug.paths
                    ],
                    "because": list(drug.because),
                    "warnings": [warning.text for warning in drug.warnings],
                }
                rows.append(
                    {
                        "head": drug.drug,
                        "relation": RELATION,
                        "tail": drug.disease,
                        "model": self.name,
                        "score": drug.score,
                        "probability": drug.probability,
                        "base_rate": self.calibration.base_rate,
                        "rank": drug.rank,
                        "direction": "head",
                        "known": False,
                        "date": date,
                        "explanation": json.dumps(said, ensure_ascii=False),
                    }
                )
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
        content = self.members.get("content")
        save_model(
            path,
            ModelFolder(
                kind=KIND,
                settings={
                    **self.settings,
                    "members": list(self.members),
                    "weights": dict(self.weights),
                    "scales": {name: list(scale) for name, scale in self.scales.items()},
                    "content": content.weights if isinstance(content, Content) else None,
                    "calibration": self.calibration.to_dict(),
                },
                seed=self.seed,
                metrics=self.metrics,
                split=self.task.held_back,
                graph=record,
                vocabulary={"drugs": self.task.heads, "diseases": self.task.tails},
                tensors={
                    key: tensor
                    for name, member in self.members.items()
                    for key, tensor in with_prefix(name, member.tensors()).items()
                }
                | {
                    f"pairs.{part}": torch.from_numpy(getattr(self.task, part))
                    for part in ("train", "valid", "test")
                },
                card=self.card(),
            ),
        )

    def card(self) -> str:
        """The model card, Markdown."""
        return treatment_card(self)


def _places(scores: NDArray[np.float64], trained: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The place of each among those that were not trained on; of one that was, the place that it
    would have."""
    others = -np.sort(-scores[~trained], kind="stable")
    places = 1 + np.searchsorted(-others, -scores, side="left")
    order = np.argsort(-scores[~trained], kind="stable")
    ordinal = np.empty(len(order), dtype=np.int64)
    ordinal[order] = np.arange(1, len(order) + 1)
    places[~trained] = ordinal
    return places.astype(np.int64)


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
            train=folder.tensors["pairs.train"].numpy(),
            valid=folder.tensors["pairs.valid"].numpy(),
            test=folder.tensors["pairs.test"].numpy(),
            held_back=dict(folder.split),
            symmetric=False,
        )
        content = settings.pop("content")
        members: dict[str, Member] = {}
        for name in settings.pop("members"):
            tensors = without_prefix(name, folder.tensors)
            if name == "popularity":
                members[name] = Degree.from_tensors(tensors)
            elif name == "content":
                members[name] = Content.from_tensors(tensors, content)
            elif name == "collaborative":
                members[name] = Collaborative.from_tensors(tensors)
            else:
                from ..links.ranker import LinkRanker  # LightGBM is loaded where it is needed

                members[name] = LinkRanker.from_tensors(tensors)
        return TreatmentModel(
            members,
            settings.pop("weights"),
            {name: (mean, spread) for name, (mean, spread) in settings.pop("scales").items()},
            Calibration.from_dict(settings.pop("calibration")),
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
