"""Commands that outline nuclei in pictures, and train and measure what does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import evaluate, train
from medkg.cli.options import Json, Seed
from medkg.cli.output import print_set_aside
from medkg.cli.signals import signals

if TYPE_CHECKING:
    from medkg.core.quarantine import Quarantine

Masked = Annotated[
    Path,
    typer.Argument(help="A folder with images/ and masks/, or an .npz file of image and mask."),
]
Side = Annotated[
    int | None,
    typer.Option(
        help="Pixels of a picture's side, of a folder; an .npz has its own. [default: 128]"
    ),
]


@signals.command(
    "segmentation", epilog="Example: medkg signals segmentation smear.png --out masks --json"
)
def signals_segmentation(
    paths: Annotated[
        list[Path], typer.Argument(help="PNG, JPEG, BMP, TIFF or DICOM files, or folders of them.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for masks, in which each nucleus has its number.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A folder of train segmentation; default: medkg's.")
    ] = None,
    field: Annotated[
        int | None,
        typer.Option(
            min=16,
            help="Pixels of the picture that are read as the model's side, 128 for medkg's."
            " [default: the shorter side]",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Nuclei in pictures of microscopes: how many, how large, and where, as masks."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import measure_nuclei

    quarantine = Quarantine()
    remarks: list[str] = []
    measured = measure_nuclei(
        paths, out=out, model=model, field=field, quarantine=quarantine, remarks=remarks
    )
    for remark in remarks:
        show.err.print(remark, soft_wrap=True)
    if as_json:
        rows = [picture.__dict__ for picture in measured]
        return show.as_json(
            {"pictures": rows, "remarks": remarks, "set_aside": quarantine.counts()}
        )
    table = pl.DataFrame(
        {
            "file": [picture.file for picture in measured],
            "nuclei": [picture.count for picture in measured],
            "median area": [pl.Series(p.areas, dtype=pl.Float64).median() for p in measured],
            "share covered": [picture.share for picture in measured],
        }
    )
    show.frame(table, "Nuclei; areas in square pixels")
    return print_set_aside(quarantine)


@train.command(
    "segmentation", epilog="Example: medkg train segmentation data/nuclei --out models/nuclei"
)
def train_segmentation(
    data: Masked,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    side: Side = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a U-Net that outlines nuclei, measured by folds; it goes on if it was cut off."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.segmentation.train import train_segmentation as train_model

    quarantine = Quarantine()
    figures = train_model(data, out, side=side, seed=seed, quarantine=quarantine)
    _print_figures({f"{out}, by folds": figures}, quarantine, as_json)


@evaluate.command(
    "segmentation",
    epilog="Example: medkg evaluate segmentation data/others --model models/nuclei",
)
def evaluate_segmentation(
    data: Masked,
    model: Annotated[
        Path | None,
        typer.Option(help="A folder of train segmentation. [default: by folds, without a model]"),
    ] = None,
    side: Side = None,
    seed: Annotated[int | None, typer.Option(help="Of the folds' networks. [default: 0]")] = None,
    as_json: Json = False,
) -> None:
    """A model on pictures that it hasn't learnt from, or by folds; beside Otsu's threshold."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.segmentation.train import evaluate_segmentation as evaluate_folds
    from medkg.signals.images.segmentation.train import evaluate_segmentation_model

    quarantine = Quarantine()
    if model is not None:
        if side is not None or seed is not None:
            raise typer.BadParameter("--side and --seed are for folds: a model has its own")
        name = str(model)
        figures = evaluate_segmentation_model(data, model, quarantine=quarantine)
    else:
        name = "U-Net, by folds"
        figures = evaluate_folds(data, side=side, seed=seed or 0, quarantine=quarantine)
    baseline = figures.pop("otsu")
    _print_figures({name: figures, "Otsu's threshold": baseline}, quarantine, as_json)


def _print_figures(
    judged: Mapping[str, Mapping[str, Any]], quarantine: Quarantine, as_json: bool
) -> None:
    import polars as pl

    from medkg.cli import show

    if as_json:
        return show.as_json({**judged, "set_aside": quarantine.counts()})
    rows = [{"by": name, **figures} for name, figures in judged.items()]
    show.frame(pl.DataFrame(rows), "Nuclei")
    return print_set_aside(quarantine)
