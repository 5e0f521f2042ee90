"""Whether treatment effects from records can be right: docs/benchmarks/treatment.md.

    python benchmarks/cohort_effects.py DATA [--draws 40]

DATA is the folder of support2.csv and pbc2.csv.

support: real patients, covariates and deaths within 180 days; only who is treated is simulated, so
that the true effect is none. The iller a patient (by the covariates' own logistic regression of
those deaths), the more probable is the treatment. Of each draw 2,000 patients. Beside all fourteen
covariates: the three that carry the risk most are not in the graph, so that they can't be balanced.

pbc2: a trial, in which a coin had decided who was treated (D-penicillamine or placebo), and deaths
within five years. Its own difference is the truth. Then patients are left out: of the treated
those with little bilirubin, of the others those with much, each with probability .7.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.cohort.effect import ESTIMATES, treatment_effect

DRUG, OTHER, OUTCOME = "RX:1", "RX:2", "HP:0011421"
SUPPORT = ("age", "meanbp", "hrt", "resp", "temp", "wblc", "sod", "crea", "num.co")
PBC2 = ("age", "serBilir", "albumin", "prothrombin", "alkaline", "SGOT", "platelets")
SIZE, HIDDEN = 2_000, 3
FLAGS = {"dementia": "dementia", "diabetes": "diabetes", "metastatic": "metastatic cancer"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=40)
    arguments = parser.parse_args()
    print("| patients | estimate | mean error | root mean square | intervals with the truth |")
    print("|" + "---|" * 5)
    support(arguments.data / "support2.csv", arguments.draws)
    pbc2(arguments.data / "pbc2.csv", arguments.draws)


def read(file: Path) -> pl.DataFrame:
    """A table whose cells may have spaces around them."""
    table = pl.read_csv(file, infer_schema=False).with_columns(pl.all().str.strip_chars())
    kept = table.with_columns(pl.all().replace({"": None, "NA": None}))
    numbers = [c for c in kept if c.cast(pl.Float64, strict=False).null_count() == c.null_count()]
    return kept.with_columns(c.cast(pl.Float64) for c in numbers)


def support(file: Path, draws: int) -> None:
    table = read(file)
    table = table.filter(pl.col("death").eq(1) | pl.col("d.time").ge(180))
    died = ((table["death"] == 1) & (table["d.time"] < 180)).to_numpy()
    numbers = table.select(pl.col(SUPPORT).cast(pl.Float64)).to_numpy()
    filled = np.where(np.isnan(numbers), np.nanmedian(numbers, axis=0), numbers)
    flags = np.stack(
        [table["dementia"] == 1, table["diabetes"] == 1, table["ca"] == "metastatic"], 1
    ).astype(float)
    scaled = np.hstack([(filled - filled.mean(0)) / filled.std(0), flags])
    model = LogisticRegression(max_iter=1000).fit(scaled, died)
    risk = model.decision_function(scaled)
    strongest = np.argsort(-np.abs(model.coef_[0] * scaled.std(0)))[:HIDDEN]
    names = [*SUPPORT, *FLAGS.values()]
    values = np.hstack([numbers, flags])

    def drawn(seed: int, left_out: NDArray[np.int64]) -> KnowledgeGraph:
        rng = np.random.default_rng(seed)
        rows = rng.choice(len(died), SIZE, replace=False)
        treated = rng.random(SIZE) < 1 / (1 + np.exp(-(risk[rows] - np.median(risk))))
        kept = np.setdiff1d(np.arange(len(names)), left_out)
        return graph(values[rows][:, kept], [names[k] for k in kept], treated, died[rows])

    none = np.array([], int)
    report("SUPPORT, all covariates", lambda seed: drawn(seed, none), 0.0, draws)
    hidden = ", ".join(names[k] for k in strongest)
    report(f"SUPPORT, without {hidden}", lambda seed: drawn(seed, strongest), 0.0, draws)


def pbc2(file: Path, draws: int) -> None:
    table = read(file)
    table = table.sort("year").unique("id", keep="first", maintain_order=True).sort("id")
    died = (table["status"] == "dead") & (table["years"] < 5)
    table = table.with_columns(died=died).filter(pl.col("died") | (pl.col("years") >= 5))
    treated = (table["drug"] == "D-penicil").to_numpy()
    died = table["died"].to_numpy()
    values = table.select(pl.col(PBC2).cast(pl.Float64)).to_numpy()
    bilirubin = values[:, PBC2.index("serBilir")]
    truth = float(died[treated].mean() - died[~treated].mean())
    whole = graph(values, list(PBC2), treated, died)
    effect = treatment_effect(whole, DRUG, OUTCOME, instead_of=OTHER).estimates
    texts = [
        f"{name} {effect[name]['difference']:+.3f}"
        f" ({effect[name]['difference_interval'][0]:+.3f} to"
        f" {effect[name]['difference_interval'][1]:+.3f})"
        for name in ESTIMATES
    ]

    def drawn(seed: int) -> KnowledgeGraph:
        rng = np.random.default_rng(seed)
        much = bilirubin > np.median(bilirubin)
        kept = (treated == much) | (rng.random(len(treated)) >= 0.7)
        return graph(values[kept], list(PBC2), treated[kept], died[kept])

    report("PBC2, selected by bilirubin", drawn, truth, draws)
    print(f"\nPBC2 as it was randomised ({len(died)} patients): {'; '.join(texts)}")


def report(title: str, drawn: Callable[[int], KnowledgeGraph], truth: float, draws: int) -> None:
    """Print, by estimate, how far it is from the truth, and how often its interval holds it."""
    rows: dict[str, list[tuple[float, bool]]] = {name: [] for name in ESTIMATES}
    for seed in range(draws):
        effect = treatment_effect(drawn(seed), DRUG, OUTCOME, instead_of=OTHER, seed=seed)
        for name, row in effect.estimates.items():
            low, high = row["difference_interval"]
            rows[name].append((row["difference"] - truth, low <= truth <= high))
    for name, results in rows.items():
        errors, held = np.array(results, float).T
        print(
            f"| {title} | {name} | {errors.mean():+.3f} | {np.sqrt((errors**2).mean()):.3f} |"
            f" {held.mean():.2f} |",
            flush=True,
        )


def graph(
    values: NDArray[np.float64], names: list[str], treated: NDArray[Any], died: NDArray[Any]
) -> KnowledgeGraph:
    """Patients with results and flags before the treatment, and deaths after it."""
    rows: list[tuple[str, str, str, str, str | None]] = []
    for k in range(len(values)):
        patient = f"patient:{k}"
        for name, value in zip(names, values[k], strict=True):
            if name in FLAGS.values():
                if value:
                    rows.append(
                        (patient, "HAS_PHENOTYPE", f"made:{names.index(name)}", "2000", None)
                    )
            elif not np.isnan(value):
                result = json.dumps({"value": value})
                rows.append((patient, "UNDERWENT", f"made:{names.index(name)}", "2000", result))
        rows.append((patient, "TAKES", DRUG if treated[k] else OTHER, "2001", None))
        if died[k]:
            rows.append((patient, "HAS_PHENOTYPE", OUTCOME, "2002", None))
    kinds = ["Symptom" if name in FLAGS.values() else "Procedure" for name in names]
    nodes = [
        (f"made:{k}", kind, name) for k, (kind, name) in enumerate(zip(kinds, names, strict=True))
    ]
    nodes += [(DRUG, "Drug", "treatment"), (OTHER, "Drug", "other"), (OUTCOME, "Symptom", "death")]
    nodes += [(f"patient:{k}", "Patient", f"patient {k}") for k in range(len(values))]
    columns = ["subject", "relation", "object", "date", "qualifiers"]
    return KnowledgeGraph.build(
        pl.DataFrame(nodes, schema=["id", "kind", "name"], orient="row"),
        pl.DataFrame(rows, schema=columns, orient="row").with_columns(source=pl.lit("table")),
        [Source("table", "1", "CC BY 4.0")],
    )


if __name__ == "__main__":
    main()
