"""Diagnosis as node classification: which disease a patient's node belongs to.

A patient is a node joined to phenotypes. A `DiagnosisModel` scores every disease of its knowledge
for it: with the ranker, a scoring head over the features of patient and disease, with one of these
alone, or with a graph neural network (see `scorers.MODELS`).
For research, not for care.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import polars as pl
import torch
from scipy.sparse import csr_matrix
from scipy.special import log_softmax

from ...core.errors import MissingError, ModelError
from ...core.model_folder import ModelFolder, open_model, save_model
from ...core.sparse import matrix_from_tensors, matrix_tensors
from ...core.tensors import with_prefix, without_prefix
from ...graph.frames import PREDICTIONS, conform
from ...graph.kg import KnowledgeGraph
from ...graph.training_provenance import (
    open_training_graph,
    sources_markdown,
    training_graph_record,
)
from .ask import questions
from .cases import cases_of
from .circumstances import USUAL, Circumstances
from .explain import explain
from .figures import Figures
from .knowledge import Floats, Integers, Knowledge
from .matches import compare
from .namesakes import namesakes
from .open_set import OpenSet
from .posterior import factors_for, most_probable, posterior, to_explain
from .scorers import DiagnosisScorer, carried_over, scorer_of

KIND = "diagnosis"
HELD_OUT = 500  # simulated patients for calibration, and as many for the test
COMPARED = ("matching", "missing", "unexpected", "against")
BATCH_SIZE = 500  # patients scored at a time: × 12,000 diseases are 24 MB
_MATRICES = ("parents", "stated", "annotated", "patients")  # of the knowledge, that are saved
# Probability that a phenotype which was looked for and not found would have been found.
_EXCLUSION_SENSITIVITY = 0.9


class Diagnosis(TypedDict):
    """A row of `DiagnosisModel.diagnose`; see there."""

    rank: int
    disease: str
    name: str
    score: float
    probability: float
    matching: list[str]
    missing: list[str]
    unexpected: list[str]
    against: list[str]


class DiagnosisModel:
    """Ranks the diseases of a graph for patients.

    Made by `train_diagnosis` or `load_diagnosis_model`.

    Attributes:
        kg: the graph whose diseases and phenotypes it knows.
        name: one of `scorers.MODELS`.
        metrics: figures on held-out simulated patients, by model: its own and the baselines'.
        open_set: "none of these" and sets that hold the disease, by `scores`; none
            where it was fitted on no cases.
    """

    def __init__(
        self,
        kg: KnowledgeGraph,
        name: str,
        knowledge: Knowledge,
        scorer: DiagnosisScorer,
        temperature: float,
        settings: Mapping[str, Any],
        metrics: Mapping[str, Figures],
        open_set: OpenSet | None = None,
    ):
        self.kg = kg
        self.name = name
        self.knowledge = knowledge
        self.temperature = temperature
        self.settings = dict(settings)
        self.metrics = dict(metrics)
        self.open_set = open_set
        self._scorer = scorer

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Scores of patients, given as columns of the knowledge: patients × diseases."""
        return self._scorer.scores(patients)

    def log_probabilities(
        self,
        patients: Sequence[Integers],
        excluded: Sequence[Integers] | None = None,
        *,
        scores: Floats | None = None,
    ) -> Floats:
        """Logarithms of the probabilities of the diseases, patients × diseases.

        Softmax of score / temperature, which was fitted on known patients where there are enough
        and else on simulated ones, times the probability of not finding what is excluded:
        Π 1 - 0.9 P(phenotype | disease).

        Args:
            scores: of `scores`, where they are known already.
        """
        logits = (self.scores(patients) if scores is None else scores) / self.temperature
        if excluded is not None:
            logits = logits + (self.knowledge.present(excluded) @ self._missed).toarray()
        return np.asarray(log_softmax(logits, axis=1), dtype=np.float32)

    @cached_property
    def _missed(self) -> csr_matrix:
        """Phenotypes × diseases, log(1 - 0.9 P(phenotype | disease))."""
        missed = self.knowledge.frequency.copy()
        missed.data = np.log1p(-_EXCLUSION_SENSITIVITY * missed.data)
        return missed.T.tocsr()

    def diagnose(
        self,
        symptoms: Sequence[str],
        excluded: Sequence[str] = (),
        *,
        top: int = 10,
        circumstances: Circumstances | None = USUAL,
    ) -> pl.DataFrame:
        """The most probable diseases of a patient.

        Args:
            symptoms: identifiers or names of the phenotypes seen.
            excluded: those looked for and not found.
            circumstances: candidate genes, onset, sex and age, if they are to count, and whether it
                counts how common diseases are, which it does; None for phenotypes alone.

        Returns:
            rank, disease, name, score, probability; `matching` phenotypes of the patient's,
            `missing` ones that the disease most often shows and the patient doesn't,
            `unexpected` ones of the patient's that the disease isn't known for, `against` those
            excluded that it is known for.

        Raises:
            MissingError: a name that the graph doesn't have, or no phenotype that the model knows.
        """
        present, absent = self._resolved(symptoms, excluded)
        factors = factors_for(self, circumstances)
        scores = self.scores(to_explain(factors, [present]))
        logs = posterior(self, [present], [absent], factors, scores)
        return diagnoses_frame(self.rows_of(present, absent, scores[0], logs[0], top))

    def rows_of(
        self, present: Integers, absent: Integers, scores: Floats, logs: Floats, top: int
    ) -> list[Diagnosis]:
        """The rows of `diagnose`, of what is known of the patient already.

        Args:
            present, absent: columns of the knowledge.
            scores, logs: of every disease; see `scores` and `explain.posterior`.
        """
        rows: list[Diagnosis] = []
        for rank, row in enumerate(most_probable(logs, top), start=1):
            disease = self.knowledge.diseases[row]
            compared = self._compared(int(row), present, absent)
            names = {part: [self.names.get(i, i) for i in ids] for part, ids in compared.items()}
            rows.append(
                {
                    "rank": rank,
                    "disease": disease,
                    "name": self.names.get(disease, disease),
                    "score": float(scores[row]),
                    "probability": float(np.exp(logs[row])),
                    "matching": names["matching"],
                    "missing": names["missing"],
                    "unexpected": names["unexpected"],
                    "against": names["against"],
                }
            )
        return rows

    def explain(
        self,
        symptoms: Sequence[str],
        excluded: Sequence[str] = (),
        *,
        diseases: Sequence[str] = (),
        top: int = 5,
        circumstances: Circumstances | None = USUAL,
    ) -> pl.DataFrame:
        """Each of a patient's phenotypes against some diseases: see `explain.explain`.

        Args:
            symptoms, excluded, circumstances: as for `diagnose`.
            diseases: identifiers or names; by default the `top` most probable ones.

        Raises:
            MissingError: a name that the graph doesn't have, a disease that is no candidate, or no
                phenotype that the model knows.
        """
        present, absent = self._resolved(symptoms, excluded)
        if diseases:
            rows = np.array([self._row(text) for text in diseases])
        else:
            factors = factors_for(self, circumstances)
            rows = most_probable(posterior(self, [present], [absent], factors)[0], top)
        return explain(self, present, absent, rows, circumstances)

    def questions(
        self,
        symptoms: Sequence[str],
        excluded: Sequence[str] = (),
        *,
        unknown: Sequence[str] = (),
        top: int = 10,
        circumstances: Circumstances | None = USUAL,
    ) -> pl.DataFrame:
        """The phenotypes to ask for next: see `ask.questions`.

        Args:
            symptoms, excluded, circumstances: as for `diagnose`.
            unknown: phenotypes whose answer is not to be had; they aren't asked for again.
        """
        present, absent = self._resolved(symptoms, excluded)
        factors = factors_for(self, circumstances)
        return questions(self, present, absent, self._columns(unknown), top=top, factors=factors)

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of the graph's nodes."""
        return dict(self.kg.nodes.select("id", "name").iter_rows())

    @cached_property
    def namesakes(self) -> dict[int, set[int]]:
        """See `namesakes`."""
        return namesakes(self.kg, self.knowledge)

    def _resolved(self, symptoms: Sequence[str], absent: Sequence[str]) -> tuple[Integers, ...]:
        """Columns of the phenotypes present, of which there must be one, and of those absent."""
        present = self._columns(symptoms)
        if not len(present):
            raise MissingError(
                "none of the phenotypes is known to the model"
                + (f": {', '.join(symptoms)}" if symptoms else "; give at least one")
            )
        return present, self._columns(absent)

    def _row(self, text: str) -> int:
        # Known cases have diseases of which the graph may have no node.
        if text in self.knowledge.disease_rows:
            return self.knowledge.disease_rows[text]
        disease = self.kg.resolve(text, "Disease")
        if disease not in self.knowledge.disease_rows:
            raise MissingError(
                f"{disease} is no candidate: the graph states no phenotype of it (HAS_SYMPTOM)"
            )
        return self.knowledge.disease_rows[disease]

    def predictions(self, patients: KnowledgeGraph, *, top: int = 10) -> pl.DataFrame:
        """HAS_DISEASE predictions for every patient of a graph, as `KnowledgeGraph.predictions`.

        Patients without a phenotype that the model knows have none. The base rate is that of the
        disease before anything is known: one in as many as the model has.
        """
        columns_of = self.knowledge.columns_of
        cases = [case for case in cases_of(patients) if len(columns_of(case.present))]
        known = {
            (case.id, self.knowledge.disease_rows.get(disease))
            for case in cases
            for disease in case.diseases
        }
        rows: list[dict[str, str | float | bool]] = []
        date = datetime.now(UTC).date().isoformat()
        for start in range(0, len(cases), BATCH_SIZE):
            part = cases[start : start + BATCH_SIZE]
            present = [columns_of(case.present) for case in part]
            absent = [columns_of(case.excluded) for case in part]
            scores = self.scores(present)
            logs = self.log_probabilities(present, absent, scores=scores)
            for number, case in enumerate(part):
                for rank, row in enumerate(most_probable(logs[number], top), start=1):
                    compared = self._compared(int(row), present[number], absent[number])
                    rows.append(
                        {
                            "head": case.id,
                            "relation": "HAS_DISEASE",
                            "tail": self.knowledge.diseases[row],
                            "model": f"{KIND}-{self.name}",
                            "score": float(scores[number, row]),
                            "probability": float(np.exp(logs[number, row])),
                            "base_rate": 1 / len(self.knowledge.diseases),
                            "rank": rank,
                            "direction": "tail",
                            "known": (case.id, int(row)) in known,
                            "date": date,
                            "explanation": json.dumps(compared),
                        }
                    )
        return conform(pl.DataFrame(rows, schema=PREDICTIONS), PREDICTIONS)

    def _columns(self, texts: Sequence[str]) -> Integers:
        return self.knowledge.columns_of([self.kg.resolve(text, "Symptom") for text in texts])

    def _compared(
        self, disease: int, present: Integers, excluded: Integers
    ) -> dict[str, list[str]]:
        """Identifiers of the phenotypes of each part that `diagnose` lists."""
        by_part: dict[str, list[str]] = {part: [] for part in COMPARED}
        for match in compare(self.knowledge, disease, present, excluded, self.namesakes[disease]):
            if match.part in by_part:
                by_part[match.part].append(self.knowledge.phenotypes[match.phenotype])
        return by_part

    def save(self, path: Path | str, *, graph_path: Path | str | None = None) -> None:
        """Write the model folder.

        Args:
            graph_path: where the graph lies, recorded for `load_diagnosis_model`.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        tensors = with_prefix("scorer", self._scorer.state())
        knowledge = self.knowledge
        for name in _MATRICES:
            tensors |= matrix_tensors(name, getattr(knowledge, name))
        tensors["patient_rows"] = torch.from_numpy(knowledge.patient_rows)
        for name, mapping in (
            ("disease_rows", knowledge.disease_rows),
            ("phenotype_columns", knowledge.phenotype_columns),
        ):
            tensors[name] = torch.tensor(list(mapping.values()))
        record = training_graph_record(self.kg, graph_path)
        save_model(
            path,
            ModelFolder(
                kind=KIND,
                settings={
                    **self.settings,
                    "model": self.name,
                    "temperature": self.temperature,
                    "open_set": None if self.open_set is None else self.open_set.to_dict(),
                },
                seed=self.settings["seed"],
                metrics=self.metrics,
                split={},
                graph=record,
                vocabulary={
                    "diseases": knowledge.diseases,
                    "phenotypes": knowledge.phenotypes,
                    "disease_rows": list(knowledge.disease_rows),
                    "phenotype_columns": list(knowledge.phenotype_columns),
                    "patient_ids": knowledge.patient_ids,
                    "patient_publications": knowledge.patient_publications,
                },
                tensors=tensors,
                card=_card(self, record),
            ),
        )


def diagnoses_frame(rows: Sequence[Diagnosis]) -> pl.DataFrame:
    """The frame of `DiagnosisModel.diagnose`, of its rows."""
    lists = dict.fromkeys(COMPARED, pl.List(pl.String))
    return pl.DataFrame(rows, schema_overrides={"rank": pl.UInt32, **lists})


def load_diagnosis_model(path: Path | str, graph: KnowledgeGraph | None = None) -> DiagnosisModel:
    """Read a model folder.

    Args:
        graph: instead of the recorded graph. Where its content differs from what the model was
            trained on, the model works with what the new graph knows, without the cases that it
            was trained with (those of `scorers.BY_OUTPUT` can't), and so without "none of these"
            and sets, which were fitted on scores with them.

    Raises:
        ModelError: no model folder, a damaged one, one of another version or kind; or, without
            `graph`, the recorded graph is not where it was or is no longer the same.
    """
    folder = open_model(path, KIND)
    kg, same = open_training_graph(
        path,
        folder.graph,
        graph,
        other="it works with what this one knows, without the cases that it was trained with",
    )
    try:
        knowledge = _saved_knowledge(folder)
        weights = without_prefix("scorer", folder.tensors)
        settings = dict(folder.settings)
        name, temperature = settings.pop("model"), settings.pop("temperature")
        open_set = settings.pop("open_set")
        if not same:
            trained_on, knowledge = knowledge, Knowledge.of(kg)
            weights = carried_over(name, weights, trained_on, knowledge)
        return DiagnosisModel(
            kg,
            name,
            knowledge,
            scorer_of(name, knowledge, weights),
            temperature,
            settings,
            folder.metrics,
            None if open_set is None or not same else OpenSet.from_dict(open_set),
        )
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (KeyError, ValueError, RuntimeError, IndexError) as error:
        raise ModelError(f"{path}: is damaged ({error}); train the model anew") from error


def _saved_knowledge(folder: ModelFolder) -> Knowledge:
    tensors, vocabulary = folder.tensors, folder.vocabulary

    def mapping(name: str) -> dict[str, int]:
        return dict(zip(vocabulary[name], tensors[name].tolist(), strict=True))

    return Knowledge.from_parts(
        phenotypes=list(vocabulary["phenotypes"]),
        diseases=list(vocabulary["diseases"]),
        disease_rows=mapping("disease_rows"),
        phenotype_columns=mapping("phenotype_columns"),
        **{name: matrix_from_tensors(name, tensors) for name in _MATRICES},
        patient_rows=tensors["patient_rows"].numpy(),
        patient_ids=list(vocabulary["patient_ids"]),
        patient_publications=list(vocabulary["patient_publications"]),
    )


def _card(model: DiagnosisModel, record: Mapping[str, Any]) -> str:
    knowledge = model.knowledge
    table = "\n".join(
        f"| {name} | {f['top_1']} | {f['top_3']} | {f['top_10']} | {f['mrr']} |"
        for name, f in model.metrics.items()
    )
    sources = "\n".join(sources_markdown(record["sources"]))
    number = model.settings["simulated"]
    simulated = f" and {number:,} simulated from the graph's annotations" if number else ""
    return f"""# Diagnosis: {model.name}

Ranks {len(knowledge.diseases):,} diseases for the phenotypes of a patient. For research only: it is
no medical device, and no diagnosis or treatment may rest on it.

Trained on {model.settings["cases"]:,} known patients (seed {model.settings["seed"]}){simulated}.
{_calibrated(model)}
Diseases that the graph doesn't annotate and no known patient has can't be found.

## Figures on {HELD_OUT} held-out simulated patients

A check that all is wired right, no more: simulated patients are made from annotations, which
flatters models of annotations alone. For published cases see docs/benchmarks/diagnosis.md.

| model | top 1 | top 3 | top 10 | MRR |
|---|---|---|---|---|
{table}

{sources}
"""


def _calibrated(model: DiagnosisModel) -> str:
    private = (
        " This folder holds the known patients' identifiers,\nphenotypes and diagnoses: it is as"
        " private as they are."
        if model.knowledge.patient_ids
        else ""
    )
    if model.open_set is None:
        text = (
            "Probabilities are calibrated on simulated patients, who are easier than real ones, and"
            " are\ntherefore too high for real ones."
        )
    elif model.open_set.figures.get("shipped"):
        text = (
            f"Probabilities are calibrated on the {model.open_set.figures['n']:,} published cases"
            " that the readouts which come with\nmedkg learnt from, each as where no patient is"
            " known, by readouts that had not learnt from the publication.\nThat a disease is none"
            f" of the candidates they tell in part (AUROC {model.open_set.figures['auroc']:.2f})."
        )
    else:
        text = (
            f"Probabilities are calibrated on the {model.open_set.figures['n']:,} known patients,"
            " each scored without their own\npublication, by a model that did not learn from that"
            " publication."
        )
    return text + private
