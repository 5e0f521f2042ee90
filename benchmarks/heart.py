"""Coronary heart disease by what is known of a patient, examination after examination.

Two sets of patients of whom symptoms, laboratory values, electrocardiogram and imaging are known:
Cleveland (Detrano et al. 1989) and Z-Alizadeh Sani (Alizadehsani et al. 2013), both of the UCI
Machine Learning Repository under CC BY 4.0. Each stage adds one examination's columns to those
before. Five times ten folds, with the same folds in all stages; a patient's score is of a model
that hasn't learnt from them. Logistic regression on standardised columns with the usual strength,
beside a stronger penalty (C = 0.1), and the mean of that one's log-odds and those of extremely
randomised trees. Missing values become the training part's median.

    python benchmarks/heart.py

Prints Markdown: the area under the ROC curve, mean of the five times with the lowest and highest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROOT = Path(__file__).resolve().parents[1]
SEEDS = range(5)
FOLDS = 10
Stages = Mapping[str, Sequence[str]]
# The columns of codes without an order.
_CODES = ("chest_pain", "resting_ecg", "slope", "thallium", "VHD")
CLEVELAND: Stages = {
    "symptoms": ("age", "sex", "chest_pain", "pressure"),
    "+ laboratory": ("cholesterol", "sugar"),
    "+ ECG": ("resting_ecg", "rate", "exercise_angina", "depression", "slope"),
    "+ imaging": ("vessels", "thallium"),
}
_ALIZADEH_ECG = (
    *("Q Wave", "St Elevation", "St Depression", "Tinversion", "LVH", "Poor R Progression"),
    *("LBBB", "RBBB"),
)
_ALIZADEH_LABS = (
    *("FBS", "CR", "TG", "LDL", "HDL", "BUN", "ESR", "HB", "K", "Na", "WBC", "Lymph", "Neut"),
    "PLT",
)
_ALIZADEH_IMAGING = ("EF-TTE", "Region RWMA", "VHD")


def main() -> None:
    """Score each stage, print."""
    folder = Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data")) / "patients/heart"
    print(f"| patients | stage | columns | {' | '.join(models([], []))} |")
    print("|---" * (3 + len(models([], []))) + "|")
    for name, (frame, disease, stages) in {
        "Cleveland": cleveland(folder),
        "Z-Alizadeh Sani": alizadeh(folder),
    }.items():
        columns: list[str] = []
        for stage, added in stages.items():
            columns += added
            cells = areas(frame.select(columns), disease)
            print(f"| {name} | {stage} | {len(columns)} | {' | '.join(cells)} |", flush=True)


def cleveland(folder: Path) -> tuple[pl.DataFrame, NDArray[np.int64], Stages]:
    """The patients of Cleveland: columns, whether an artery is narrowed by half, stages."""
    frame = pl.read_csv(
        folder / "processed.cleveland.data",
        has_header=False,
        new_columns=[*(name for own in CLEVELAND.values() for name in own), "disease"],
        null_values="?",
        infer_schema_length=None,
    )
    disease = (frame["disease"] > 0).cast(pl.Int64).to_numpy()
    return frame.drop("disease"), disease, CLEVELAND


def alizadeh(folder: Path) -> tuple[pl.DataFrame, NDArray[np.int64], Stages]:
    """The patients of Z-Alizadeh Sani: columns, whether an artery is narrowed by half, stages.

    "Symptoms" are demography, history and examination, too.
    """
    frame = pl.read_csv(folder / "z-alizadeh-sani.csv", infer_schema_length=None)
    frame = frame.rename({name: name.strip("\ufeff ") for name in frame.columns})
    disease = (frame["Cath"] == "Cad").cast(pl.Int64).to_numpy()
    words = {"Y": 1, "N": 0, "Male": 1, "Fmale": 0, "mild": 1, "Moderate": 2, "Severe": 3}
    # A bundle branch block is left (LBBB) or right (RBBB): each a column.
    blocks = [(pl.col("BBB") == side).cast(pl.Float64).alias(side) for side in ("LBBB", "RBBB")]
    text = [name for name, kind in frame.schema.items() if kind == pl.String]
    numbers = [
        pl.col(name).replace_strict(words, default=None, return_dtype=pl.Float64)
        for name in text
        if name not in ("BBB", "Cath")
    ]
    frame = frame.with_columns(*blocks).with_columns(*numbers).drop("BBB", "Cath")
    later = {*_ALIZADEH_ECG, *_ALIZADEH_LABS, *_ALIZADEH_IMAGING}
    first = [name for name in frame.columns if name not in later and frame[name].n_unique() > 1]
    stages = {
        "symptoms": first,
        "+ laboratory": _ALIZADEH_LABS,
        "+ ECG": _ALIZADEH_ECG,
        "+ imaging": _ALIZADEH_IMAGING,
    }
    return frame, disease, stages


def models(codes: Sequence[int], others: Sequence[int]) -> dict[str, list[Pipeline]]:
    """By name, the models whose log-odds are averaged."""

    def columns() -> object:
        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        named = make_pipeline(
            SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
        )
        return make_column_transformer((numbers, list(others)), (named, list(codes)))

    linear = make_pipeline(columns(), LogisticRegression(max_iter=1000))
    drawn = make_pipeline(columns(), LogisticRegression(C=0.1, max_iter=1000))
    trees = ExtraTreesClassifier(60, min_samples_leaf=4, random_state=0)
    return {
        "logistic regression": [linear],
        "stronger penalty": [drawn],
        "mean with randomised trees": [drawn, make_pipeline(columns(), trees)],
    }


def areas(frame: pl.DataFrame, disease: NDArray[np.int64]) -> list[str]:
    """The area under the ROC curve of each model: mean of the seeds, lowest and highest."""
    table = frame.cast(pl.Float64).to_numpy()
    codes = [place for place, name in enumerate(frame.columns) if name in _CODES]
    others = [place for place in range(frame.width) if place not in codes]
    cells = []
    for parts in models(codes, others).values():
        scores = []
        for seed in SEEDS:
            folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
            odds = [
                logit(
                    cross_val_predict(part, table, disease, cv=folds, method="predict_proba")[:, 1]
                    .clip(0.001, 0.999)
                )
                for part in parts
            ]  # fmt: skip
            scores.append(float(roc_auc_score(disease, np.mean(odds, axis=0))))
        cells.append(f"{np.mean(scores):.3f} ({min(scores):.3f}–{max(scores):.3f})")
    return cells


if __name__ == "__main__":
    main()
