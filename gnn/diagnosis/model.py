"""Diagnosis as node classification: which disease a patient's node belongs to.

A patient is a node joined to phenotypes. A `DiagnosisModel` scores every disease of its knowledge
for it: with the graph neural network (`gnn`), or with one of the baselines that every report shows
beside it: Resnik similarity (`resnik`), naive Bayes (`naive_bayes`), a plain perceptron (`mlp`).
For research, not for care.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from torch import Tensor

from ...graph.atomic import check_replaceable
from ...graph.errors import DataError, MissingError, ModelError
from ...graph.frames import PREDICTIONS, conform
from ...graph.kg import KnowledgeGraph
from ...graph.threads import one_thread
from ..folder import CONFIG, ModelFolder, graph_record, named, open_model, part_named, save_model
from .classifiers import Graph, Perceptron, fit
from .patients import Case, Simulated, cases_of, simulate
from .similarity import Floats, Integers, Knowledge, naive_bayes, resnik

KIND = "diagnosis"
MODELS = ("gnn", "resnik", "naive_bayes", "mlp")
_NETWORKS: dict[str, type[Graph] | type[Perceptron]] = {"gnn": Graph, "mlp": Perceptron}
_SIMILARITIES: dict[str, Callable[[Knowledge, Sequence[Integers]], Floats]] = {
    "resnik": resnik,
    "naive_bayes": naive_bayes,
}
_BASELINES = ("resnik", "naive_bayes")
_HELD_OUT = 500  # simulated patients for calibration, and as many for the test
_TOP = (1, 3, 10)
_PART = 500  # patients scored at a time: × 12,000 diseases are 24 MB
# Of a phenotype that was looked for and not found: how surely it was looked for well enough.
_EXCLUSION = 0.9


class DiagnosisModel:
    """Ranks the diseases of a graph for patients. Made by `train_diagnosis` or `load_model`.

    Attributes:
        kg: the graph whose diseases and phenotypes it knows.
        name: `gnn`, `resnik`, `naive_bayes` or `mlp`.
        metrics: figures on held-out simulated patients, by model: its own and the baselines'.
    """

    def __init__(
        self,
        kg: KnowledgeGraph,
        name: str,
        knowledge: Knowledge,
        network: Graph | Perceptron | None,
        temperature: float,
        settings: Mapping[str, Any],
        metrics: Mapping[str, Any],
    ):
        self.kg = kg
        self.name = name
        self.knowledge = knowledge
        self.temperature = temperature
        self.settings = dict(settings)
        self.metrics = dict(metrics)
        self._network = network

    def scores(self, patients: Sequence[Integers]) -> Floats:
        """Scores of patients, given as columns of the knowledge: patients × diseases."""
        return _scores(self.name, self.knowledge, self._network, patients)

    def log_probabilities(
        self, patients: Sequence[Integers], excluded: Sequence[Integers] | None = None
    ) -> Floats:
        """Logarithms of the probabilities of the diseases, patients × diseases.

        Softmax of score / temperature, which was fitted on simulated patients, times the
        probability of not finding what is excluded: Π 1 - 0.9 P(phenotype | disease).
        """
        logits = self.scores(patients) / self.temperature
        if excluded is not None:
            shown = self.knowledge.frequency
            missed = csr_matrix(
                (np.log1p(-_EXCLUSION * shown.data), shown.indices, shown.indptr), shape=shown.shape
            )
            logits = logits + (self.knowledge.present(excluded) @ missed.T).toarray()
        return np.asarray(log_softmax(logits, axis=1), dtype=np.float32)

    def diagnose(
        self, symptoms: Sequence[str], excluded: Sequence[str] = (), *, top: int = 10
    ) -> pl.DataFrame:
        """The most probable diseases of a patient.

        Args:
            symptoms: identifiers or names of the phenotypes seen.
            excluded: those looked for and not found.

        Returns:
            rank, disease, name, score, probability; `matching` phenotypes of the patient's,
            `missing` ones that the disease most often shows and the patient doesn't,
            `unexpected` ones of the patient's that the disease isn't known for.

        Raises:
            MissingError: a name that the graph doesn't have, or no phenotype that the model knows.
        """
        present = self._columns(symptoms)
        if not len(present):
            raise MissingError(
                "none of the phenotypes is known to the model"
                + (f": {', '.join(symptoms)}" if symptoms else "; give at least one")
            )
        absent = self._columns(excluded)
        logs = self.log_probabilities([present], [absent])[0]
        scores = self.scores([present])[0]
        order = np.lexsort((np.arange(len(logs)), -logs))[:top]
        names = dict(self.kg.nodes.select("id", "name").iter_rows())
        rows = []
        for rank, row in enumerate(order, start=1):
            disease = self.knowledge.diseases[row]
            compared = self._compared(int(row), present)
            rows.append(
                {
                    "rank": rank,
                    "disease": disease,
                    "name": names.get(disease, disease),
                    "score": float(scores[row]),
                    "probability": float(np.exp(logs[row])),
                    **{
                        part: [names.get(self.knowledge.phenotypes[c], "") for c in columns]
                        for part, columns in compared.items()
                    },
                }
            )
        texts = pl.List(pl.String)
        schema: dict[str, Any] = {
            "rank": pl.UInt32,
            "matching": texts,
            "missing": texts,
            "unexpected": texts,
        }
        return pl.DataFrame(rows, schema_overrides=schema)

    def predictions(self, patients: KnowledgeGraph, *, top: int = 10) -> pl.DataFrame:
        """HAS_DISEASE predictions for every patient of a graph, as `KnowledgeGraph.predictions`.

        Patients without a phenotype that the model knows have none. The base rate is that of the
        disease before anything is known: one in as many as the model has.
        """
        cases = [case for case in cases_of(patients) if len(self._known(case.present))]
        known = {
            (case.id, self.knowledge.disease_rows.get(disease))
            for case in cases
            for disease in case.diseases
        }
        rows: list[dict[str, Any]] = []
        date = datetime.now(UTC).date().isoformat()
        for start in range(0, len(cases), _PART):
            part = cases[start : start + _PART]
            present = [self._known(case.present) for case in part]
            logs = self.log_probabilities(present, [self._known(case.excluded) for case in part])
            scores = self.scores(present)
            for number, case in enumerate(part):
                order = np.lexsort((np.arange(logs.shape[1]), -logs[number]))[:top]
                for rank, row in enumerate(order, start=1):
                    compared = self._compared(int(row), present[number])
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
                            "explanation": json.dumps(
                                {
                                    kind: [self.knowledge.phenotypes[c] for c in columns]
                                    for kind, columns in compared.items()
                                }
                            ),
                        }
                    )
        return conform(pl.DataFrame(rows, schema=PREDICTIONS), PREDICTIONS)

    def _columns(self, texts: Sequence[str]) -> Integers:
        return self._known([self.kg.resolve(text, "Symptom") for text in texts])

    def _known(self, phenotypes: Sequence[str]) -> Integers:
        return self.knowledge.columns_of(phenotypes)

    def _compared(self, disease: int, present: Integers) -> dict[str, list[int]]:
        """The patient's phenotypes that the disease has (or a broader or narrower one), those of
        the disease's that are frequent and missing, and the patient's others."""
        knowledge = self.knowledge
        begin, end = knowledge.annotated.indptr[disease : disease + 2]
        stated, frequency = (
            knowledge.annotated.indices[begin:end],
            knowledge.annotated.data[begin:end],
        )
        shown = set(knowledge.frequency[disease].indices.tolist())
        broader = set(stated[knowledge.information[stated] > 1].tolist())
        matching: list[int] = []
        unexpected: list[int] = []
        for column in present.tolist():
            ancestors = knowledge.closure[column].indices
            (matching if column in shown or broader & set(ancestors) else unexpected).append(column)
        has = set(knowledge.with_ancestors([present]).indices.tolist())
        missing = [
            int(stated[at])
            for at in np.argsort(-frequency * knowledge.information[stated], kind="stable")
            if frequency[at] > 0.5 and int(stated[at]) not in has
        ]
        return {"matching": matching, "missing": missing[:5], "unexpected": unexpected}

    def save(self, path: Path | str, *, graph_path: Path | str | None = None) -> None:
        """Write the model folder. `graph_path`: where the graph lies, recorded for `load_model`.

        Raises:
            DataError: `path` is a file, or a folder that is no model folder.
        """
        tensors = named("network", self._network.state_dict() if self._network else {})
        knowledge = self.knowledge
        for name in ("parents", "annotated", "patients"):
            matrix = getattr(knowledge, name)
            for part in ("data", "indices", "indptr"):
                tensors[f"{name}.{part}"] = torch.from_numpy(getattr(matrix, part))
        tensors["patient_rows"] = torch.from_numpy(knowledge.patient_rows)
        for name, mapping in (
            ("disease_rows", knowledge.disease_rows),
            ("phenotype_columns", knowledge.phenotype_columns),
        ):
            tensors[name] = torch.tensor(list(mapping.values()))
        save_model(
            path,
            ModelFolder(
                kind=KIND,
                settings={
                    **self.settings,
                    "model": self.name,
                    "temperature": self.temperature,
                },
                seed=self.settings["seed"],
                metrics=self.metrics,
                split={},
                graph=graph_record(self.kg, graph_path),
                vocabulary={
                    "diseases": knowledge.diseases,
                    "phenotypes": knowledge.phenotypes,
                    "disease_rows": list(knowledge.disease_rows),
                    "phenotype_columns": list(knowledge.phenotype_columns),
                },
                tensors=tensors,
                card=_card(self),
            ),
        )


@one_thread()
def train_diagnosis(
    kg: KnowledgeGraph,
    *,
    model: str = "gnn",
    cases: KnowledgeGraph | None = None,
    simulated: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
    device: str | None = None,
) -> DiagnosisModel:
    """Train a model that ranks the diseases of a graph for a patient.

    The patients it learns from are simulated from the graph's HAS_SYMPTOM edges (see
    `patients.simulate`). 500 others fit the probabilities, and 500 more give the figures; they are
    simulated too, so the figures say that all is wired right, not how good it is with patients.

    Args:
        kg: with HAS_SYMPTOM and SUBCLASS_OF edges, as HPO has them.
        model: `gnn`, or a baseline: `resnik`, `naive_bayes`, `mlp`.
        cases: patients with diagnoses. They add to what is known of their diseases, and `gnn` also
            compares patients with them.
        simulated: number of patients to train with; by default 5,000, and 50,000 for `mlp`, which
            needs several of every disease.
        epochs: how often each is seen; by default 2, and 3 for `mlp`.
        seed: of everything random; the same seed gives the same model.
        out: folder to save the model to.
        graph_path: where `kg` lies, recorded with the model.
        device: by default CUDA where there is one.

    Raises:
        ModelError: no such model.
        DataError: the graph has no HAS_SYMPTOM edge, or `out` holds other things.
    """
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG)
    if model not in MODELS:
        raise ModelError(f"there is no diagnosis model {model!r}; there are {', '.join(MODELS)}")
    simulated = simulated or (50_000 if model == "mlp" else 5_000)
    epochs = epochs or (3 if model == "mlp" else 2)
    knowledge = Knowledge.of(kg, cases)
    rng = np.random.default_rng(seed)
    held_out = [simulate(knowledge, _HELD_OUT, rng) for _ in range(2)]
    calibration = held_out[0]
    network = None
    if model in _NETWORKS:
        network = _NETWORKS[model](knowledge, seed=seed)
        network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        fit(network, simulate(knowledge, simulated, rng), epochs=epochs, seed=seed)
    metrics = {}
    for name in dict.fromkeys((model, *_BASELINES)):
        scores = _scores(name, knowledge, network, held_out[1].phenotypes)
        ranks = _ranks(scores, held_out[1].diseases)
        first = _first(scores, seed)
        figures = _figures(ranks, first, held_out[1].diseases, np.arange(_HELD_OUT), seed=seed)
        # Each simulated patient is a publication of its own, so micro and macro are the same.
        metrics[name] = {
            "patients": "simulated",
            **{key: v for key, v in figures.items() if not key.startswith(("macro", "public"))},
        }
    trained = DiagnosisModel(
        kg,
        model,
        knowledge,
        network,
        _temperature(_scores(model, knowledge, network, calibration.phenotypes), calibration),
        {
            "simulated": simulated,
            "epochs": epochs,
            "seed": seed,
            "cases": 0 if cases is None else cases.nodes.filter(kind="Patient").height,
        },
        metrics,
    )
    if out is not None:
        trained.save(out, graph_path=graph_path)
    return trained


def _scores(
    name: str,
    knowledge: Knowledge,
    network: Graph | Perceptron | None,
    patients: Sequence[Integers],
) -> Floats:
    if name in _SIMILARITIES:
        return _SIMILARITIES[name](knowledge, patients)
    assert network is not None
    return network.scores(patients)


def _temperature(scores: Floats, patients: Simulated) -> float:
    """The temperature at which softmax(scores / temperature) is most likely to be right
    (Guo et al. 2017, https://arxiv.org/abs/1706.04599)."""
    rows = np.arange(len(scores))

    def loss(log_temperature: float) -> float:
        logs = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(logs[rows, patients.diseases].mean())

    found = minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 0.01})
    return float(np.exp(found.x))


def load_model(
    path: Path | str, graph: KnowledgeGraph | Path | str | None = None
) -> DiagnosisModel:
    """Read a model folder.

    Args:
        graph: instead of the recorded graph. Where its content differs from what the model was
            trained on, the model works with what the new graph knows, without the cases that it
            was trained with (`mlp` can't).

    Raises:
        ModelError: no model folder, a damaged one, one of another version or kind, or its graph is
            not where it was.
    """
    folder = open_model(path, KIND)
    recorded = folder.graph
    if graph is None:
        if recorded["path"] is None or not Path(recorded["path"]).exists():
            raise ModelError(
                f"{path}: its graph is not at {recorded['path']}; give it (--graph in a command)"
            )
        graph = recorded["path"]
    kg = graph if isinstance(graph, KnowledgeGraph) else KnowledgeGraph.open(graph)
    same = kg.checksum() == recorded["checksum"]
    name = folder.settings["model"]
    try:
        knowledge = _saved_knowledge(folder)
        weights = part_named("network", folder.tensors)
        if not same:
            trained_on, knowledge = knowledge, Knowledge.of(kg)
            weights = _carried_over(name, weights, trained_on, knowledge)
        network = None
        if name in _NETWORKS:
            network = _NETWORKS[name](knowledge)
            network.load_state_dict(weights)
            network.eval()
        settings = {k: v for k, v in folder.settings.items() if k not in ("model", "temperature")}
        return DiagnosisModel(
            kg,
            name,
            knowledge,
            network,
            folder.settings["temperature"],
            settings,
            folder.metrics,
        )
    except (KeyError, ValueError, RuntimeError, IndexError) as error:
        raise ModelError(f"{path}: is damaged ({error}); train the model anew") from error


def _saved_knowledge(folder: ModelFolder) -> Knowledge:
    tensors, vocabulary = folder.tensors, folder.vocabulary

    def matrix(name: str, rows: int) -> csr_matrix:
        parts = [tensors[f"{name}.{part}"].numpy() for part in ("data", "indices", "indptr")]
        return csr_matrix(tuple(parts), shape=(rows, columns))

    def mapping(name: str) -> dict[str, int]:
        return dict(zip(vocabulary[name], tensors[name].tolist(), strict=True))

    columns = len(vocabulary["phenotypes"])
    return Knowledge.from_parts(
        phenotypes=list(vocabulary["phenotypes"]),
        diseases=list(vocabulary["diseases"]),
        disease_rows=mapping("disease_rows"),
        phenotype_columns=mapping("phenotype_columns"),
        parents=matrix("parents", columns),
        annotated=matrix("annotated", len(vocabulary["diseases"])),
        patients=matrix("patients", len(tensors["patient_rows"])),
        patient_rows=tensors["patient_rows"].numpy(),
    )


def _carried_over(
    name: str, weights: dict[str, Tensor], old: Knowledge, new: Knowledge
) -> dict[str, Tensor]:
    """The weights for another knowledge; a new phenotype has its ancestors' vectors only."""
    if name == "mlp":
        raise ModelError("an mlp knows only the graph that it was trained on; give that one")
    if name == "gnn":
        vectors = torch.zeros(len(new.phenotypes), weights["vectors"].shape[1])
        for column, phenotype in enumerate(new.phenotypes):
            if phenotype in old.phenotype_columns:
                vectors[column] = weights["vectors"][old.phenotype_columns[phenotype]]
        weights = {**weights, "vectors": vectors}
    return weights


# Figures


def evaluate_diagnosis(
    model: DiagnosisModel, cases: KnowledgeGraph, *, use_excluded: bool = False, seed: int = 0
) -> dict[str, Any]:
    """How a model ranks the diagnosis of published cases.

    A case whose diagnosis the model doesn't know, or that has no phenotype which it knows, counts
    as missed. Cases without a diagnosis are left out.

    Args:
        cases: Patient nodes with HAS_PHENOTYPE and HAS_DISEASE.
        use_excluded: use LACKS_PHENOTYPE too. In published collections what is excluded gives the
            publication away, so headline figures leave it out.

    Returns:
        `n`, `publications`, `known` (cases whose diagnosis the model knows); micro (mean over
        cases) and macro (mean over publications) `top_1`, `top_3`, `top_10` and `mrr`, each with
        a 95 % interval by bootstrap over publications; accuracy, precision, recall and F1 of the
        first rank, the latter three as means over the diseases.
    """
    diagnosed = [case for case in cases_of(cases) if case.diseases]
    if not diagnosed:
        raise DataError("no case has a diagnosis (HAS_DISEASE), so nothing can be evaluated")
    rows = model.knowledge.disease_rows
    answers = np.array([_answer(case, rows) for case in diagnosed])
    ranks = np.full(len(diagnosed), np.inf)
    first = np.full(len(diagnosed), -2)  # no disease at all
    for start in range(0, len(diagnosed), _PART):
        part = slice(start, start + _PART)
        present = [model.knowledge.columns_of(case.present) for case in diagnosed[part]]
        if use_excluded:
            excluded = [model.knowledge.columns_of(case.excluded) for case in diagnosed[part]]
            scores = model.log_probabilities(present, excluded)
        else:
            scores = model.scores(present)
        usable = np.array([len(columns) > 0 for columns in present])
        first[part] = np.where(usable, _first(scores, seed), -2)
        ranks[part] = np.where(usable, _ranks(scores, answers[part]), np.inf)
    publications = np.unique([case.publication for case in diagnosed], return_inverse=True)[1]
    return {
        "known": int((answers >= 0).sum()),
        **_figures(ranks, first, answers, publications, seed=seed),
    }


def _answer(case: Case, rows: Mapping[str, int]) -> int:
    """The row of the case's first diagnosis that is known, or -1."""
    return next((rows[disease] for disease in case.diseases if disease in rows), -1)


def _ranks(scores: Floats, answers: Integers) -> NDArray[np.float64]:
    """The rank of each patient's disease, of equal scores the mean; infinite where unknown (-1)."""
    own = np.take_along_axis(scores, np.maximum(answers, 0)[:, None], axis=1)
    ranks = 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return np.where(answers >= 0, ranks, np.inf)


def _first(scores: Floats, seed: int) -> Integers:
    """The row of each patient's highest score, of equal ones any: not the first, since identifiers
    that sort first are more often a case's diagnosis."""
    rng = np.random.default_rng(seed)
    highest = scores.max(axis=1, keepdims=True)
    return np.array([rng.choice(np.flatnonzero(row)) for row in scores == highest])


def _figures(
    ranks: NDArray[np.float64],
    first: Integers,
    answers: Integers,
    groups: Integers,
    *,
    seed: int = 0,
    draws: int = 1000,
) -> dict[str, Any]:
    """Figures of ranked patients; `groups` are drawn together in the bootstrap."""
    values = {**{f"top_{k}": (ranks <= k).astype(float) for k in _TOP}, "mrr": 1 / ranks}
    sizes = np.bincount(groups)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=draws)
    result: dict[str, Any] = {"n": len(ranks), "publications": len(sizes)}
    for name, value in values.items():
        sums = np.bincount(groups, weights=value)
        result[name] = _round(value.mean())
        result[f"{name}_interval"] = _interval(counts @ sums / (counts @ sizes))
        result[f"macro_{name}"] = _round((sums / sizes).mean())
        result[f"macro_{name}_interval"] = _interval(counts @ (sums / sizes) / len(sizes))
    return {**result, **_of_first_rank(first, answers)}


def _of_first_rank(first: Integers, answers: Integers) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 as means over the diseases that are a patient's or
    were put first; a disease that was never put first has a precision of 0."""
    diseases = np.union1d(first, answers)
    right = np.array([((first == d) & (answers == d)).sum() for d in diseases])
    put_first = np.array([(first == d).sum() for d in diseases])
    given = np.array([(answers == d).sum() for d in diseases])
    precision = right / np.maximum(put_first, 1)
    recall = right / np.maximum(given, 1)
    f1 = 2 * right / np.maximum(put_first + given, 1)
    return {
        "accuracy": _round((first == answers).mean()),
        "precision": _round(precision.mean()),
        "recall": _round(recall.mean()),
        "f1": _round(f1.mean()),
    }


def _interval(values: NDArray[np.float64]) -> list[float]:
    return [_round(value) for value in np.quantile(values, [0.025, 0.975])]


def _round(value: float) -> float:
    return round(float(value), 4)


def _card(model: DiagnosisModel) -> str:
    knowledge = model.knowledge
    table = "\n".join(
        f"| {name} | {f['top_1']} | {f['top_3']} | {f['top_10']} | {f['mrr']} |"
        for name, f in model.metrics.items()
    )
    sources = "\n".join(
        f"- {source.name} {source.release}: {source.licence}" for source in model.kg.sources
    )
    return f"""# Diagnosis: {model.name}

Ranks {len(knowledge.diseases):,} diseases for the phenotypes of a patient. For research only: it is
no medical device, and no diagnosis or treatment may rest on it.

Trained on {model.settings["simulated"]:,} patients simulated from the graph's annotations
(seed {model.settings["seed"]}) and what {model.settings["cases"]:,} published cases add to them.
Probabilities are calibrated on simulated patients, who are easier than real ones, and are
therefore too high for real ones. Diseases that the graph doesn't annotate can't be found.

## Figures on {_HELD_OUT} held-out simulated patients

A check that all is wired right; for published cases see docs/benchmarks.md.

| model | top 1 | top 3 | top 10 | MRR |
|---|---|---|---|---|
{table}

## Sources of the graph

{sources}
"""
