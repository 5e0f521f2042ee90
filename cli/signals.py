"""Commands that read examinations into findings, and train and measure what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import app, evaluate, train
from medkg.cli.options import Json, OutGraph, Seed
from medkg.cli.output import save_and_print

signals = typer.Typer(no_args_is_help=True, help="Examinations to findings of a patient.")
app.add_typer(signals, name="signals", rich_help_panel="Read sources and texts")


@signals.command("ecg", epilog="Example: medkg signals ecg rest.edf --patient ann --out graphs/ann")
def signals_ecg(
    paths: Annotated[
        list[Path], typer.Argument(help="WFDB (.hea), EDF or CSV files, or folders of them.")
    ],
    patient: Annotated[str, typer.Option(help="Whose they are: a name of your choice.")],
    out: OutGraph,
    model: Annotated[
        Path | None, typer.Option(help="A folder of train ecg; default: medkg's.")
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(help="A TOML file of your own codes for labels.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Samples a second of CSV files without a column time.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ectopic beats by a model, rate and rhythm by rule, as findings of a patient."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import ecg_findings, findings_graph

    quarantine = Quarantine()
    remarks: list[str] = []
    findings = ecg_findings(
        paths, model=model, codes=codes, rate=rate, quarantine=quarantine, remarks=remarks
    )
    for remark in remarks:
        show.err.print(remark, soft_wrap=True)
    rows = [finding.__dict__ for finding in findings]
    if not as_json:
        for row in rows:
            state = "present" if row["present"] else "evidence alone"
            show.out.print(
                f"{row['code']} {row['name']}: {row['probability']:.3f} ({state});"
                f" {row['file']}, {row['region']}; {row['source']}",
                soft_wrap=True,
            )
    kg = findings_graph(findings, patient)
    save_and_print(kg, out, quarantine, as_json, findings=rows, remarks=remarks)


@signals.command("labs", epilog="Example: medkg signals labs results.csv --out graphs/labs")
def signals_labs(
    paths: Annotated[
        list[Path], typer.Argument(help="FHIR (.json, .ndjson), OMOP measurement or plain tables.")
    ],
    out: OutGraph,
    patient: Annotated[
        str | None,
        typer.Option(help="This one's alone, and those that name nobody. [default: all]"),
    ] = None,
    loinc2hpo: Annotated[
        Path | None, typer.Option(help="loinc2hpo-annotations.tsv, for more LOINC codes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Laboratory results as phenotypes that patients have or lack."""
    from medkg.core.quarantine import Quarantine
    from medkg.laboratory import read_labs

    quarantine = Quarantine()
    kg = read_labs(paths, patient, loinc2hpo=loinc2hpo, quarantine=quarantine)
    save_and_print(kg, out, quarantine, as_json)


@train.command("ecg", epilog="Example: medkg train ecg data/ecg-mitbih --out models/ecg")
def train_ecg(
    data: Annotated[Path, typer.Argument(help="DS1_beats.npz, or the folder that it is in.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train the classifier of beats, measured by folds of records."""
    from medkg.signals.ecg.train import train_ecg as train_model

    _print_figures(train_model(data, out, seed=seed), f"Beats: {out}", as_json)


@evaluate.command("ecg", epilog="Example: medkg evaluate ecg data/ecg-mitbih --seed 1")
def evaluate_ecg(
    data: Annotated[Path, typer.Argument(help="DS1_beats.npz, or the folder that it is in.")],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train and measure by folds of records, beside every beat being normal."""
    from medkg.signals.ecg.train import evaluate_ecg as evaluate_model

    _print_figures(evaluate_model(data, seed=seed), "Beats, by folds of records", as_json)


def _print_figures(figures: dict[str, object], title: str, as_json: bool) -> None:
    import polars as pl

    from medkg.cli import show

    if as_json:
        show.as_json(figures)
        return
    classes = figures["classes"]
    assert isinstance(classes, dict)
    show.frame(pl.DataFrame([{"class": name, **row} for name, row in classes.items()]), title)
    show.out.print(
        f"accuracy {figures['accuracy']:.3f}; every beat normal: {figures['majority']:.3f}"
    )
