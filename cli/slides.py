"""Commands that read slides of tissue, and train what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import train
from medkg.cli.options import Json, Seed
from medkg.cli.signals import OutExaminations, Patient, print_pictures, save_findings, signals


@signals.command(
    "slides",
    epilog="Example: medkg signals slides biopsy.svs --model models/skin --patient ann --out kg",
)
def signals_slides(
    paths: Annotated[
        list[Path], typer.Argument(help="TIFF, PNG or JPEG files, or folders of them.")
    ],
    model: Annotated[Path, typer.Option(help="A folder of train slides.")],
    patient: Patient,
    out: OutExaminations,
    codes: Annotated[
        Path | None, typer.Option(help="A TOML file of your own codes for classes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What slides of tissue show, by a model with attention over tiles, as a patient's findings."""
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import slide_findings

    quarantine = Quarantine()
    remarks: list[str] = []
    findings = slide_findings(
        paths, model=model, codes=codes, quarantine=quarantine, remarks=remarks
    )
    save_findings(findings, remarks, patient, out, quarantine, as_json)


@train.command(
    "slides",
    epilog="Example: medkg train slides slides/ --procedure 'skin biopsy' --out models/skin",
)
def train_slides(
    data: Annotated[Path, typer.Argument(help="A folder with a subfolder for each class.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    procedure: Annotated[str, typer.Option(help="The kind of examination.")],
    tile: Annotated[int | None, typer.Option(help="Pixels of a tile's side. [default: 64]")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a classifier of slides, measured by folds; the same command goes on if it was cut."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.slides.train import train_slides as train_model

    quarantine = Quarantine()
    figures = train_model(
        data, out, procedure=procedure, side=tile, seed=seed, quarantine=quarantine
    )
    baseline = figures.pop("baseline")
    both = {f"{out}: by folds": figures, "logistic regression on mean tiles": baseline}
    print_pictures(both, quarantine, as_json)
