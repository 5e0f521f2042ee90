"""The figures that a trained model keeps, as tables: its own beside the baselines'."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from medkg.graph.errors import DataError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.quarantine import Quarantine

if TYPE_CHECKING:
    from medkg.gnn.diagnosis.model import DiagnosisModel
    from medkg.gnn.links.model import LinkModel

_LINK_FIGURES = ("n", "mrr", "hits@1", "hits@3", "hits@10")
_DIAGNOSIS_FIGURES = (
    *("n", "accuracy", "precision", "recall", "f1"),
    *("top_1", "top_3", "top_10", "mrr"),
)


def link_figures(name: str, metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Filtered ranks of held-back edges' tails, a row a model; `mrr_95` is a 95 % interval."""
    models = {_short(name): metrics["test"], **metrics["baselines"]}
    return _rows({model: found["tail"] for model, found in models.items()}, _LINK_FIGURES)


def _short(name: str) -> str:
    """`links-rgcn-distmult-1f3a9c02` without what is the same for all and the signature."""
    return name.removeprefix("links-").rpartition("-")[0]


def diagnosis_figures(metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Held-out simulated patients: a row a model; `mrr_95` is its 95 % interval."""
    return _rows(metrics, _DIAGNOSIS_FIGURES)


def _rows(models: Mapping[str, Mapping[str, Any]], names: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for model, found in models.items():
        low, high = found["mrr_interval"]
        rows.append(
            {
                "model": model,
                **{name: found[name] for name in names},
                "mrr_95": f"{low:.3f}–{high:.3f}",
            }
        )
    return pl.DataFrame(rows)


def evaluate_link_models(model: LinkModel, edges: Path | None) -> pl.DataFrame:
    """A link model's figures on the edges of a TSV file, or on what its training held back.

    On a file the baselines' rows, trained on the same edges, stand beside the model's.

    Raises:
        DataError: the file can't be read or lacks the columns subject and object.
        MissingError: an end that the model has not seen.
    """
    from medkg.gnn.links.train import evaluate_links, train_links

    if edges is None:
        return link_figures(model.name, model.metrics)
    try:
        pairs = pl.read_csv(edges, separator="\t", infer_schema=False).fill_null("")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"can't be read as TSV: {error}", path=edges) from error
    if missing := {"subject", "object"} - set(pairs.columns):
        raise DataError(f"lacks the columns {sorted(missing)}", path=edges)
    if pairs.is_empty():
        raise DataError("holds no edge", path=edges)
    models = {_short(model.name): model}
    for baseline in ("degree", "neighbours"):
        models[baseline] = train_links(
            model.graph,
            model.task.edge_type[1],
            model=baseline,
            split=model.task.held_back,
            seed=model.seed,
        )
    return _rows(
        {name: evaluate_links(one, pairs, model.graph) for name, one in models.items()},
        _LINK_FIGURES,
    )


def evaluate_on_cases(
    model: DiagnosisModel, cases: Path, *, use_excluded: bool = False
) -> dict[str, Any]:
    """A diagnosis model's figures on phenopackets, or on the patients of a graph folder."""
    from medkg.gnn.diagnosis.model import evaluate_diagnosis
    from medkg.loaders.sources import load

    if (cases / "graph.json").is_file():
        patients = KnowledgeGraph.open(cases)
    else:
        patients = load("phenopackets", cases, quarantine=Quarantine())
    return evaluate_diagnosis(model, patients, use_excluded=use_excluded)
