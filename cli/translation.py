"""Commands that make pictures of one kind look like another, and train what does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import train
from medkg.cli.options import Json, Seed
from medkg.cli.output import print_made, print_set_aside
from medkg.cli.signals import signals

Kind = Annotated[
    Path,
    typer.Argument(
        help="A folder of PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, called as their kind."
    ),
]


@signals.command(
    "translation",
    epilog="Example: medkg signals translation head.png --model models/ct-mri --to mri --out made",
)
def signals_translation(
    paths: Annotated[
        list[Path],
        typer.Argument(help="PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, or folders of them."),
    ],
    model: Annotated[Path, typer.Option(help="A folder of train translation; none ships.")],
    to: Annotated[str, typer.Option(help="The kind that they are to look like.")],
    out: Annotated[Path, typer.Option(help="Folder to write the pictures to (PNG).")],
    as_json: Json = False,
) -> None:
    """Pictures that look like another kind. They are made up: nothing is to be read from them."""
    from medkg.core.quarantine import Quarantine
    from medkg.translation import translate_pictures

    quarantine = Quarantine()
    remarks: list[str] = []
    written = translate_pictures(
        paths, out, model=model, to=to, quarantine=quarantine, remarks=remarks
    )
    print_made(written, remarks, quarantine, as_json)


@train.command(
    "translation", epilog="Example: medkg train translation ct/ mri/ --out models/ct-mri"
)
def train_translation(
    first: Kind,
    second: Kind,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    side: Annotated[
        int | None, typer.Option(help="Pixels of a picture's side, in steps of 4. [default: 64]")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train CycleGAN on unpaired pictures of two kinds; the same command goes on if it was cut."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.translation.train import train_translation as train_model

    quarantine = Quarantine()
    figures = train_model(first, second, out, side=side, seed=seed, quarantine=quarantine)
    if as_json:
        return show.as_json({str(out): figures, "set_aside": quarantine.counts()})
    rows = [{"to": kind, **row} for kind, row in figures.items()]
    names = {"taken_scaled": "by brightness", "taken_before": "as they are"}
    show.frame(pl.DataFrame(rows).rename(names), f"{out}, on pictures not learnt from")
    return print_set_aside(quarantine)
