"""Commands that read examinations into findings, and train and measure what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import app, evaluate, train
from medkg.cli.options import Age, Json, Seed
from medkg.cli.output import (
    print_set_aside,
    print_written,
    save_and_print,
    save_with_quarantine,
)

if TYPE_CHECKING:
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.signals.finding import Finding
    from medkg.signals.images.backbone import Backbone

Pictures = Annotated[
    Path, typer.Argument(help="A folder with a subfolder for each class, or MedMNIST's .npz.")
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", help="Names of an .npz file's classes, in their order; repeatable."),
]
Side = Annotated[
    int | None, typer.Option(help="Pixels of a picture's side. [default: .npz's own, else 64]")
]

NamedBackbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        help="A network of torchvision (resnet18, …) or MONAI (monai:DenseNet121), or a folder or"
        " name of transformers."
        " [default: medkg's]",
    ),
]
Weights = Annotated[
    Path | None, typer.Option(help="With --backbone of torchvision: its weights. [default: random]")
]

MOST_RESULTS = 40  # lines of findings that are printed

OutExaminations = Annotated[
    Path, typer.Option("--out", help="Graph folder to write; examinations that it has stay.")
]
Patient = Annotated[str, typer.Option(help="Whose they are: a name of your choice.")]
OwnCodes = Annotated[Path | None, typer.Option(help="A TOML file of your own codes for labels.")]
Rate = Annotated[
    float | None, typer.Option(help="Samples a second of CSV files without a column time.")
]

signals = typer.Typer(no_args_is_help=True, help="Examinations to findings of a patient.")
app.add_typer(signals, name="signals", rich_help_panel="Read sources and texts")


@signals.command("ecg", epilog="Example: medkg signals ecg rest.edf --patient ann --out graphs/ann")
def signals_ecg(
    paths: Annotated[
        list[Path], typer.Argument(help="WFDB (.hea), EDF or CSV files, or folders of them.")
    ],
    patient: Patient,
    out: OutExaminations,
    model: Annotated[
        Path | None, typer.Option(help="A folder of train ecg; default: medkg's.")
    ] = None,
    codes: OwnCodes = None,
    rate: Rate = None,
    age: Age = None,
    as_json: Json = False,
) -> None:
    """Ectopic beats by a model, rate and rhythm by rule, as findings of a patient."""
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import ecg_findings

    quarantine = Quarantine()
    remarks: list[str] = []
    findings = ecg_findings(
        paths,
        model=model,
        codes=codes,
        rate=rate,
        age=age,
        quarantine=quarantine,
        remarks=remarks,
    )
    save_findings(findings, remarks, patient, out, quarantine, as_json)


@signals.command(
    "images", epilog="Example: medkg signals images chest.png --patient ann --out graphs/ann"
)
def signals_images(
    paths: Annotated[
        list[Path],
        typer.Argument(help="PNG, JPEG, BMP, TIFF, DICOM or NIfTI files, or folders of them."),
    ],
    patient: Patient,
    out: OutExaminations,
    model: Annotated[
        Path | None,
        typer.Option(help="A folder of train images; default: medkg's, of children's chest films."),
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(help="A TOML file of your own codes for classes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What pictures of an examination show, by a model, as findings of a patient."""
    from medkg.core.quarantine import Quarantine
    from medkg.examinations import image_findings

    quarantine = Quarantine()
    remarks: list[str] = []
    findings = image_findings(
        paths, model=model, codes=codes, quarantine=quarantine, remarks=remarks
    )
    save_findings(findings, remarks, patient, out, quarantine, as_json)


def save_findings(
    findings: Sequence[Finding],
    remarks: list[str],
    patient: str,
    out: Path,
    quarantine: Quarantine,
    as_json: bool,
) -> None:
    """Print findings and remarks, and save them as a graph of the patient."""
    from medkg.cli import show
    from medkg.examinations import findings_graph

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
    save_examinations(
        findings_graph(findings, patient), out, quarantine, as_json, findings=rows, remarks=remarks
    )


def save_examinations(
    kg: KnowledgeGraph, out: Path, quarantine: Quarantine, as_json: bool, **more: Any
) -> None:
    """Save what examinations show, beside those that the folder has already, and print it.

    Args:
        more: what the JSON says beside it.

    Raises:
        DataError: the folder has a graph of something else.
    """
    from medkg.cli import show
    from medkg.core.errors import DataError
    from medkg.examinations import added_to
    from medkg.graph.kg import KnowledgeGraph

    added = False
    if out.is_dir() and any(out.iterdir()):
        before = KnowledgeGraph.open(out)
        try:
            kg = added_to(before, kg)
        except DataError as error:
            raise DataError(str(error), path=out) from None
        added = True
    if as_json:
        return save_and_print(kg, out, quarantine, as_json, **more)
    print_set_aside(quarantine)
    saved = save_with_quarantine(kg, out, quarantine)
    if added:
        show.out.print(f"{out}: added to the examinations that it has")
    print_written({**saved, "set_aside": {}})
    if saved["quarantine"] is not None:
        show.out.print(f"what was set aside: {saved['quarantine']}")
    return None


@signals.command("labs", epilog="Example: medkg signals labs results.csv --out graphs/labs")
def signals_labs(
    paths: Annotated[
        list[Path], typer.Argument(help="FHIR (.json, .ndjson), OMOP measurement or plain tables.")
    ],
    out: OutExaminations,
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
    from medkg.laboratory import lab_findings
    from medkg.signals.to_graph import patients_graph

    quarantine = Quarantine()
    findings = lab_findings(paths, patient=patient, loinc2hpo=loinc2hpo, quarantine=quarantine)
    kg = patients_graph(findings)
    rows = [{"patient": name, **each.__dict__} for name, own in findings.items() for each in own]
    if not as_json:
        _print_results(rows, with_patient=len(findings) > 1)
    save_examinations(kg, out, quarantine, as_json, findings=rows)


def _print_results(rows: Sequence[Mapping[str, Any]], *, with_patient: bool) -> None:
    """Print what laboratory results show and exclude, a line a finding, the first ones."""
    from medkg.cli import show

    for row in rows[:MOST_RESULTS]:
        whose = f"{row['patient']}: " if with_patient else ""
        state = "excluded" if row["excluded"] else "present"
        show.out.print(
            f"{whose}{row['code']} {row['name']}: {state}; {row['region']}; {row['source']}",
            soft_wrap=True,
        )
    if len(rows) > MOST_RESULTS:
        show.out.print(f"… and {len(rows) - MOST_RESULTS:,} more; see the graph")


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


@train.command(
    "images",
    epilog="Example: medkg train images films/ --procedure 'chest radiograph' --out models/films",
)
def train_images(
    data: Pictures,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    procedure: Annotated[str, typer.Option(help="The kind of examination.")],
    label: Labels = None,
    side: Side = None,
    backbone: NamedBackbone = None,
    weights: Weights = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a classifier of pictures, measured by folds; the same command goes on if it was cut."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.train import train_images as train_model

    quarantine = Quarantine()
    figures = train_model(
        data,
        out,
        procedure=procedure,
        labels=label,
        side=side,
        backbone=_backbone(backbone, weights),
        seed=seed,
        quarantine=quarantine,
    )
    print_pictures({f"{out}: by folds": figures}, quarantine, as_json)


@evaluate.command(
    "images", epilog="Example: medkg evaluate images others/ --model models/films --part val"
)
def evaluate_images(
    data: Pictures,
    model: Annotated[
        Path | None,
        typer.Option(help="A folder of train images. [default: by folds, without a model]"),
    ] = None,
    part: Annotated[str, typer.Option(help="With --model: of an .npz file.")] = "val",
    label: Labels = None,
    side: Side = None,
    backbone: NamedBackbone = None,
    weights: Weights = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """A model on pictures that it hasn't learnt from; without one by folds, beside a baseline."""
    from medkg.core.quarantine import Quarantine
    from medkg.signals.images.train import evaluate_image_model
    from medkg.signals.images.train import evaluate_images as evaluate_folds

    quarantine = Quarantine()
    if model is not None:
        if backbone is not None or weights is not None:
            raise typer.BadParameter("--backbone and --weights are of no use with --model")
        figures = evaluate_image_model(data, model, part=part, quarantine=quarantine)
        return print_pictures({f"{model}: {part}": figures}, quarantine, as_json)
    figures = evaluate_folds(
        data,
        labels=label,
        side=side,
        backbone=_backbone(backbone, weights),
        seed=seed,
        quarantine=quarantine,
    )
    baseline = figures.pop("logistic regression")
    title = f"{backbone or 'residual network'}, by folds"
    both = {title: figures, "logistic regression on pixels": baseline}
    return print_pictures(both, quarantine, as_json)


def _backbone(name: str | None, weights: Path | None) -> Backbone | None:
    """The backbone that is named.

    Raises:
        typer.BadParameter: there are weights and no network that they are of.
    """
    from medkg.core.extras import explained_imports

    if name is None:
        if weights is not None:
            raise typer.BadParameter("--weights: name the network that they are of (--backbone)")
        return None
    with explained_imports():
        from medkg.signals.images.backbone import Backbone

        return Backbone(name, weights)


def print_pictures(
    judged: Mapping[str, Mapping[str, Any]], quarantine: Quarantine, as_json: bool
) -> None:
    """Print figures of classifiers of pictures."""
    import polars as pl

    from medkg.cli import show

    if as_json:
        return show.as_json({**judged, "set_aside": quarantine.counts()})
    for title, figures in judged.items():
        rows = [{"class": name, **row} for name, row in figures["classes"].items()]
        more = f"{figures['pictures']:,} pictures, majority {figures['majority']:.3f}"
        show.frame(pl.DataFrame(rows), f"{title} ({more})")
    return print_set_aside(quarantine)


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
