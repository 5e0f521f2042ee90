"""Commands that take noise out of pictures or double their size, and train what does."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import train
from medkg.cli.options import Json, Seed
from medkg.cli.output import print_made, print_set_aside
from medkg.cli.signals import signals


class Task(StrEnum):
    """What a model is to learn; `signals.images.restoration.network.TASKS`."""

    NOISE = "noise"
    SIZE = "size"


@signals.command(
    "restoration",
    epilog="Example: medkg signals restoration films/ --model models/noise --out restored",
)
def signals_restoration(
    paths: Annotated[
        list[Path],
        typer.Argument(help="PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, or folders of them."),
    ],
    model: Annotated[Path, typer.Option(help="A folder of train restoration; none ships.")],
    out: Annotated[Path, typer.Option(help="Folder to write the pictures to (PNG).")],
    as_json: Json = False,
) -> None:
    """Pictures without noise, or twice as large; new detail is what is usual, maybe not true."""
    from medkg.core.quarantine import Quarantine
    from medkg.restoration import restore_pictures

    quarantine = Quarantine()
    remarks: list[str] = []
    written = restore_pictures(paths, out, model=model, quarantine=quarantine, remarks=remarks)
    print_made(written, remarks, quarantine, as_json)


@train.command(
    "restoration", epilog="Example: medkg train restoration films/ --out models/noise --noise 0.05"
)
def train_restoration(
    folder: Annotated[
        Path, typer.Argument(help="A folder of PNG, JPEG, BMP, TIFF, DICOM or NIfTI files.")
    ],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    task: Annotated[
        Task, typer.Option(help="Take noise out, or double height and width.")
    ] = Task.NOISE,
    noise: Annotated[
        float | None,
        typer.Option(help="Deviation of the noise; black to white is 1. [default: 0.1]"),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train on pictures that are as they should be; the same command goes on if it was cut off."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.restoration.train import train_restoration as train_model

    quarantine = Quarantine()
    figures = train_model(
        folder, out, task=task.value, noise=noise, seed=seed, quarantine=quarantine
    )
    if as_json:
        return show.as_json({str(out): figures, "set_aside": quarantine.counts()})
    title = f"{out}, on pictures not learnt from: signal to noise in dB"
    show.frame(pl.DataFrame([figures]), title)
    return print_set_aside(quarantine)
