"""Training a diagnosis model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...core.atomic import check_replaceable
from ...core.checkpoint import Stages, remove_checkpoints
from ...core.errors import ModelError
from ...core.model_folder import CONFIG
from ...core.threads import one_thread
from ...graph.kg import KnowledgeGraph
from .cases import cases_of
from .classifiers import train_logistic, train_perceptron
from .figures import Figures, figures_of, first_of, ranks_of
from .knowledge import Knowledge
from .model import HELD_OUT, KIND, DiagnosisModel
from .networks import train_network
from .open_set import OpenSet, fit_temperature
from .ranker import train_ranker
from .scorers import (
    BASELINES,
    MODELS,
    DiagnosisScorer,
    NetworkScorer,
    UntrainedScorer,
)
from .simulated_patients import SimulatedPatients, simulate
from .split import references_of
from .support_vectors import KERNELS, train_support_vectors

# Simulated patients, of the models that learn from such: an epoch of the network, and all that the
# perceptron learns from, which needs several of every disease.
_SIMULATED = {"gnn": 2_800, "mlp": 50_000}


@one_thread()
def train_diagnosis(
    kg: KnowledgeGraph,
    *,
    model: str = "ranker",
    cases: KnowledgeGraph | None = None,
    simulated: int | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    graph_path: Path | str | None = None,
    device: str | None = None,
) -> DiagnosisModel:
    """Train a model that ranks the diseases of a graph for a patient.

    The patients it learns from are known ones (`cases`), and of `gnn` and `mlp` others too,
    simulated from the graph's HAS_SYMPTOM edges (see `simulated_patients.simulate`). Probabilities
    of the ranker are fitted on known patients, each scored without their publication; where there
    are fewer than 200, or of
    fewer than 30 diseases or five publications, on the published ones that its scoring head learnt
    from (`ranker.shipped_open_set`); of a small graph, and of the other models, on 500 simulated
    ones. 500 more of these give the figures, which say that all is wired right, not how good it is
    with patients: simulated ones are made from annotations, which flatters models of annotations
    alone.

    Args:
        kg: with HAS_SYMPTOM and SUBCLASS_OF edges, as HPO has them.
        model: `ranker`, or one part of it or baseline: see `scorers.MODELS`.
        cases: patients with diagnoses. They add to what is known of their diseases.
        simulated: number of simulated patients that `gnn` and `mlp` learn from; by default 2,800 an
            epoch, and 50,000 for `mlp`, which needs several of every disease.
        seed: of everything random; the same seed gives the same model.
        out: folder to save the model to. What takes the ranker long is kept beside it until all is
            done, so that the same call goes on after a kill.
        graph_path: where `kg` lies, recorded with the model.
        device: by default CUDA where there is one.

    Raises:
        ModelError: no such model.
        DataError: the graph has no HAS_SYMPTOM edge, or `out` holds other things.

    Example:
        >>> model = medkg.train_diagnosis(medkg.load("common"), model="resnik")
        >>> request = medkg.DiagnosisRequest(symptoms=["Podagra", "Hyperuricemia"])
        >>> medkg.diagnose(model, request).cases[0]["diagnoses"][0]["name"]
        'gout'
    """
    if out is not None:
        check_replaceable(Path(out), marker=CONFIG, kind=KIND)
    if model not in MODELS:
        raise ModelError(f"there is no diagnosis model {model!r}; there are {', '.join(MODELS)}")
    simulated = (simulated or _SIMULATED[model]) if model in _SIMULATED else 0
    checkpoint = None if out is None else Path(f"{out}.checkpoint")
    stages = Stages(checkpoint, lambda: [*_checksums(kg, cases), simulated, seed])
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    trained = _train(kg, cases, model, _Training(simulated, seed, device, stages))
    if out is not None:
        trained.save(out, graph_path=graph_path)
    remove_checkpoints(checkpoint)
    return trained


@dataclass(frozen=True)
class _Training:
    """How a model is trained."""

    simulated: int
    seed: int
    device: str
    stages: Stages


def _checksums(kg: KnowledgeGraph, cases: KnowledgeGraph | None) -> list[str | None]:
    return [kg.checksum(), None if cases is None else cases.checksum()]


def _train(
    kg: KnowledgeGraph, cases: KnowledgeGraph | None, model: str, training: _Training
) -> DiagnosisModel:
    seed = training.seed
    knowledge = Knowledge.of(kg, cases)
    rng = np.random.default_rng(seed)
    calibration, test = (simulate(knowledge, HELD_OUT, rng) for _ in range(2))
    scorer, open_set, further = _train_scorer(model, kg, cases, knowledge, training)
    metrics = {
        name: _simulated_figures(
            scorer if name == model else UntrainedScorer(name, knowledge), test, seed
        )
        for name in dict.fromkeys((model, *BASELINES))
    }
    temperature = (
        open_set.temperature
        if open_set is not None
        else fit_temperature(scorer.scores(calibration.phenotypes), calibration.diseases)
    )
    settings = {
        "simulated": training.simulated,
        "seed": seed,
        "cases": 0 if cases is None else cases.nodes.filter(kind="Patient").height,
        "learnt_from": _learnt_from(knowledge, cases, further),
    }
    return DiagnosisModel(kg, model, knowledge, scorer, temperature, settings, metrics, open_set)


def _train_scorer(
    model: str,
    kg: KnowledgeGraph,
    cases: KnowledgeGraph | None,
    knowledge: Knowledge,
    training: _Training,
) -> tuple[DiagnosisScorer, OpenSet | None, list[str]]:
    """The scorer of a model, and what `train_ranker` gives beside it."""
    if model == "ranker":
        return train_ranker(kg, cases, knowledge, seed=training.seed, stages=training.stages)
    simulated, seed, device = training.simulated, training.seed, training.device
    if model == "gnn":
        everyone = np.arange(len(knowledge.patient_rows))
        network = train_network(knowledge, everyone, simulated=simulated, seed=seed, device=device)
        return NetworkScorer(knowledge, network), None, []
    if model == "mlp":
        patients = simulate(knowledge, simulated, np.random.default_rng([seed, 1]))
        return train_perceptron(knowledge, patients, seed=seed, device=device), None, []
    if model == "logistic":
        return train_logistic(knowledge), None, []
    if model in KERNELS:
        return train_support_vectors(knowledge, KERNELS[model]), None, []
    return UntrainedScorer(model, knowledge), None, []


def _simulated_figures(scorer: DiagnosisScorer, patients: SimulatedPatients, seed: int) -> Figures:
    """The figures of a scorer on held-out simulated patients."""
    scores = scorer.scores(patients.phenotypes)
    figures = figures_of(
        ranks_of(scores, patients.diseases),
        first_of(scores, seed),
        patients.diseases,
        np.arange(len(scores)),
        seed=seed,
    )
    # Each simulated patient is a publication of its own, so micro and macro are the same.
    micro = {k: v for k, v in figures.items() if not k.startswith(("macro", "public"))}
    return {"patients": "simulated", **micro}


def _learnt_from(
    knowledge: Knowledge, cases: KnowledgeGraph | None, further: Sequence[str]
) -> list[str]:
    """The publications of all patients that the model learnt from."""
    of_cases = set() if cases is None else _publications(cases)
    return sorted({*knowledge.patient_publications, *of_cases, *further})


def _publications(cases: KnowledgeGraph) -> set[str]:
    """All that the patients' evidence refers to as a publication, second references too."""
    references = references_of(cases_of(cases))
    return {each for each in references if each.startswith(("PMID:", "doi:", "DOI:"))}
