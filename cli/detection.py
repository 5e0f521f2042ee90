"""Commands that look for things in pictures, and train and measure what does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import evaluate, train
from medkg.cli.options import Json, Seed
from medkg.cli.output import print_set_aside
from medkg.cli.segmentation import Masked, Side
from medkg.cli.signals import OutExaminations, OwnCodes, Patient, save_findings, signals

if TYPE_CHECKING:
    from medkg.core.quarantine import Quarantine


@signals.command(
    "detection",
    epilog="Example: medkg signals detection chest.png --model models/nodules --patient ann"
    " --out graphs/ann",
)
def signals_detection(
    paths: Annotated[
        list[Path], typer.Argument(help="PNG, JPEG, BMP, TIFF or DICOM files, or folders of them.")
    ],
    model: Annotated[Path, typer.Option(help="A folder of train detection; none ships.")],
    patient: Patient,
    out: OutExaminations,
    codes: OwnCodes = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder for masks, in which each thing has its number.")
    ] = None,
    field: Annotated[
        int | None,
        typer.Option(
            min=16,
            help="Pixels of the picture that are read as the model's side."
            " [default: the shorter side]",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Where pictures show things of one kind, by a model, as findings of a patient."""
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import detection_findings

    quarantine = Quarantine()
    remarks: list[str] = []
    findings = detection_findings(
        paths,
        model=model,
        codes=codes,
        masks=masks,
        field=field,
        quarantine=quarantine,
        remarks=remarks,
    )
    save_findings(findings, remarks, patient, out, quarantine, as_json)


@train.command(
    "detection",
    epilog="Example: medkg train detection nodules/ --label nodule --procedure 'chest radiograph'"
    " --out models/nodules",
)
def train_detection(
    data: Masked,
    label: Annotated[str, typer.Option(help="What the things are, as your codes have it.")],
    procedure: Annotated[str, typer.Option(help="The kind of examination.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    side: Side = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train Mask R-CNN to find things of one kind, measured by folds; it goes on if it was cut."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.detection.train import train_detection as train_model

    quarantine = Quarantine()
    figures = train_model(
        data, out, label=label, procedure=procedure, side=side, seed=seed, quarantine=quarantine
    )
    _print_things({f"{out}, by folds": figures}, quarantine, as_json)


@evaluate.command("detection", epilog="Example: medkg evaluate detection nodules/ --seed 1")
def evaluate_detection(
    data: Masked, side: Side = None, seed: Seed = 0, as_json: Json = False
) -> None:
    """Train and measure by folds, beside Otsu's threshold and a watershed."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.detection.train import evaluate_detection as evaluate_folds

    quarantine = Quarantine()
    figures = evaluate_folds(data, side=side, seed=seed, quarantine=quarantine)
    baseline = figures.pop("otsu")
    judged = {"Mask R-CNN, by folds": figures, "Otsu's threshold": baseline}
    _print_things(judged, quarantine, as_json)


def _print_things(
    judged: Mapping[str, Mapping[str, Any]], quarantine: Quarantine, as_json: bool
) -> None:
    import polars as pl

    from medkg.cli import show

    if as_json:
        return show.as_json({**judged, "set_aside": quarantine.counts()})
    figures = next(iter(judged.values()))
    shown = ("ap", "precision", "recall", "f1", "dice")
    rows = [{"by": name} | {n: each[n] for n in shown} for name, each in judged.items()]
    title = f"{figures['things']:,} things in {figures['pictures']:,} pictures"
    show.frame(pl.DataFrame(rows), title)
    return print_set_aside(quarantine)
