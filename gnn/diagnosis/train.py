"""Training a diagnosis model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ...graph.atomic import check_replaceable
from ...graph.errors import ModelError
from ...graph.kg import KnowledgeGraph
from ...graph.threads import one_thread
from ..folder import CONFIG
from .classifiers import fit
from .evaluate import figures_of, first_of, ranks_of
from .knowledge import Floats, Knowledge
from .model import HELD_OUT, MODELS, NETWORKS, DiagnosisModel, scores_of
from .patients import Simulated, simulate

BASELINES = ("resnik", "naive_bayes")


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
    held_out = [simulate(knowledge, HELD_OUT, rng) for _ in range(2)]
    calibration = held_out[0]
    network = None
    if model in NETWORKS:
        network = NETWORKS[model](knowledge, seed=seed)
        network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        fit(network, simulate(knowledge, simulated, rng), epochs=epochs, seed=seed)
    metrics = {}
    for name in dict.fromkeys((model, *BASELINES)):
        scores = scores_of(name, knowledge, network, held_out[1].phenotypes)
        ranks = ranks_of(scores, held_out[1].diseases)
        first = first_of(scores, seed)
        figures = figures_of(ranks, first, held_out[1].diseases, np.arange(HELD_OUT), seed=seed)
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
        _temperature(scores_of(model, knowledge, network, calibration.phenotypes), calibration),
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


def _temperature(scores: Floats, patients: Simulated) -> float:
    """The temperature at which softmax(scores / temperature) is most likely to be right
    (Guo et al. 2017, https://arxiv.org/abs/1706.04599)."""
    rows = np.arange(len(scores))

    def loss(log_temperature: float) -> float:
        logs = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(logs[rows, patients.diseases].mean())

    found = minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 0.01})
    return float(np.exp(found.x))
