"""Commands that read electroencephalograms, and train and measure what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import evaluate, train
from medkg.cli.options import Json, Seed
from medkg.cli.output import check_table_path, print_set_aside, write_table
from medkg.cli.signals import OutExaminations, OwnCodes, Patient, Rate, save_findings, signals

if TYPE_CHECKING:
    from medkg.core.quarantine import Quarantine

Recordings = Annotated[
    list[Path], typer.Argument(help="EDF, BDF, WFDB (.hea) or CSV files, or folders of them.")
]
Data = Annotated[
    Path, typer.Argument(help="A folder of annotated recordings, a subfolder for each patient.")
]
Labels = Annotated[
    list[str],
    typer.Option("--label", help="Of annotations to be learnt, such as seizure; repeatable."),
]


@signals.command(
    "eeg",
    epilog="Example: medkg signals eeg night.edf --model models/eeg --patient ann --out graphs/ann",
)
def signals_eeg(
    paths: Recordings,
    model: Annotated[Path, typer.Option(help="A folder of train eeg; none ships.")],
    patient: Patient,
    out: OutExaminations,
    codes: OwnCodes = None,
    rate: Rate = None,
    as_json: Json = False,
) -> None:
    """What electroencephalograms show, by a model, as findings of a patient."""
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import eeg_findings

    quarantine = Quarantine()
    remarks: list[str] = []
    findings = eeg_findings(
        paths, model=model, codes=codes, rate=rate, quarantine=quarantine, remarks=remarks
    )
    save_findings(findings, remarks, patient, out, quarantine, as_json)


@signals.command("bands", epilog="Example: medkg signals bands night.edf --out bands.csv")
def signals_bands(
    paths: Recordings,
    out: Annotated[
        Path | None, typer.Option(help="A table of each epoch (.csv, .tsv or .parquet).")
    ] = None,
    rate: Rate = None,
    as_json: Json = False,
) -> None:
    """Delta to gamma power of electroencephalograms; by channel the median of epochs."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import band_powers

    check_table_path(out)
    quarantine = Quarantine()
    remarks: list[str] = []
    powers = band_powers(paths, rate=rate, quarantine=quarantine, remarks=remarks)
    for remark in remarks:
        show.err.print(remark, soft_wrap=True)
    if out is not None:
        write_table(powers, out)
    bands = powers.columns[3:]
    medians = powers.group_by("file", "channel", maintain_order=True).agg(pl.col(bands).median())
    if as_json:
        rows = medians.to_dicts()
        return show.as_json({"medians": rows, "remarks": remarks, "set_aside": quarantine.counts()})
    show.frame(medians, "Medians of µV² over epochs")
    return print_set_aside(quarantine)


@train.command(
    "eeg", epilog="Example: medkg train eeg recordings/ --label seizure --out models/eeg"
)
def train_eeg(
    data: Data,
    label: Labels,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    rate: Rate = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a classifier of epochs, measured by folds of patients; it goes on if it was cut."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.eeg.train import train_eeg as train_model

    quarantine = Quarantine()
    figures = train_model(data, out, labels=label, rate=rate, seed=seed, quarantine=quarantine)
    _print_epochs({f"{out}: by folds": figures}, quarantine, as_json)


@evaluate.command("eeg", epilog="Example: medkg evaluate eeg recordings/ --label seizure --seed 1")
def evaluate_eeg(
    data: Data, label: Labels, rate: Rate = None, seed: Seed = 0, as_json: Json = False
) -> None:
    """Train and measure by folds of patients, beside logistic regression on band powers."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.eeg.train import evaluate_eeg as evaluate_model

    quarantine = Quarantine()
    figures = evaluate_model(data, labels=label, rate=rate, seed=seed, quarantine=quarantine)
    baseline = figures.pop("logistic regression")
    both = {"network and trees, by folds": figures, "logistic regression on bands": baseline}
    _print_epochs(both, quarantine, as_json)


def _print_epochs(
    judged: Mapping[str, Mapping[str, Any]], quarantine: Quarantine, as_json: bool
) -> None:
    import polars as pl

    from medkg.cli import show

    if as_json:
        return show.as_json({**judged, "set_aside": quarantine.counts()})
    labels = next(iter(judged.values()))["background_labels"]
    if labels:
        listed = ", ".join(f"{label} ({n:,})" for label, n in labels.items())
        show.err.print(f"annotations that are read as background: {listed}", soft_wrap=True)
    for title, figures in judged.items():
        rows = [{"class": name, **row} for name, row in figures["classes"].items()]
        more = f"accuracy {figures['accuracy']:.3f}, majority {figures['majority']:.3f}"
        table = pl.DataFrame(rows, infer_schema_length=None)
        show.frame(table.rename({"false_alarms": "alarms/h"}), f"{title} ({more})")
    return print_set_aside(quarantine)
