"""Commands that measure models of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import evaluate
from medkg.cli.models import open_diagnosis_model, open_link_model, open_treatment_model
from medkg.cli.options import Json, Seed
from medkg.cli.output import print_set_aside

if TYPE_CHECKING:
    from medkg.graph.kg import KnowledgeGraph


@evaluate.command("links", epilog="Example: medkg evaluate links models/targets --edges held.tsv")
def evaluate_links(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train links).")],
    edges: Annotated[
        Path | None,
        typer.Option(help="TSV with head and tail; default: what training held back."),
    ] = None,
    split: Annotated[Path | None, typer.Option(help="Or the test of a medkg split.")] = None,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Measure with and without pairs given away.")
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Figures of link prediction, baselines beside; refused if training held the test's pairs."""
    from medkg.cli import show
    from medkg.cli.show_evaluation import print_leaks
    from medkg.mining.links.evaluate import evaluate_model
    from medkg.reports import link_evaluation

    report = evaluate_model(
        open_link_model(model, graph), edges=edges, split=split, allow_leaks=allow_leaks, seed=seed
    )
    if as_json:
        return show.as_json(report)
    for title, rows in link_evaluation(report):
        show.frame(rows, title)
    return print_leaks(report)


@evaluate.command(
    "diagnosis", epilog="Example: medkg evaluate diagnosis models/diagnosis --cases cases.tar.xz"
)
def evaluate_diagnosis(
    model: Annotated[
        list[Path],
        typer.Argument(
            help="A model folder (medkg train diagnosis); several: compared, paired by publication."
        ),
    ],
    cases: Annotated[
        Path,
        typer.Option(
            help="Phenopackets, a graph folder of patients, or a TSV with the columns case,"
            " phenotypes and diseases, and excluded and publication if there are; several"
            " identifiers divided by ; | , or blanks."
        ),
    ],
    use_excluded: Annotated[
        bool,
        typer.Option("--use-excluded", help="Use what was looked for and not found, too."),
    ] = False,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Measure with and without cases that are known.")
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Figures of diagnosis on patients, baselines beside; refused if a model knows the cases."""
    from medkg.cases import open_cases
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine

    quarantine = Quarantine()
    patients = open_cases(cases, quarantine)
    if not as_json:  # before anything is refused
        print_set_aside(quarantine)
    report = _diagnosis_report(model, graph, patients, use_excluded, allow_leaks, seed)
    if as_json:
        set_aside = [row.__dict__ for row in quarantine.rows]
        return show.as_json({"cases": str(cases), **report, "set_aside": set_aside})
    return _print_diagnosis_report(report)


def _diagnosis_report(
    folders: Sequence[Path],
    graph: str | None,
    patients: KnowledgeGraph,
    use_excluded: bool,
    allow_leaks: bool,
    seed: int,
) -> Mapping[str, Any]:
    """The figures of one model, or of several beside each other."""
    from medkg.mining.diagnosis.compare_models import compare_diagnosis
    from medkg.mining.diagnosis.evaluate import evaluate_diagnosis as evaluate_one

    names = _letters(len(folders))
    models = [open_diagnosis_model(folder, graph) for folder in folders]
    if len(models) == 1:
        return evaluate_one(
            models[0], patients, use_excluded=use_excluded, allow_leaks=allow_leaks, seed=seed
        )
    comparison = compare_diagnosis(
        dict(zip(names, models, strict=True)),
        patients,
        use_excluded=use_excluded,
        allow_leaks=allow_leaks,
        seed=seed,
    )
    return {"folders": dict(zip(names, map(str, folders), strict=True)), **comparison}


def _print_diagnosis_report(report: Mapping[str, Any]) -> None:
    """Print the figures of one model, or those of several beside each other."""
    from medkg.cli import show
    from medkg.cli.show_evaluation import print_case_comparison, print_case_evaluation
    from medkg.reports import diagnosis_comparison, diagnosis_evaluation

    several = "folders" in report
    for title, rows in (diagnosis_comparison if several else diagnosis_evaluation)(report):
        show.frame(rows, title, most=rows.height)
    (print_case_comparison if several else print_case_evaluation)(report)


def _letters(number: int) -> list[str]:
    """What several models are called in a table: A, B, and so on.

    Raises:
        typer.BadParameter: there are more of them than letters.
    """
    if number > len(ascii_uppercase):
        raise typer.BadParameter(f"{len(ascii_uppercase)} models can be compared, not {number}")
    return list(ascii_uppercase[:number])


@evaluate.command(
    "treatment", epilog="Example: medkg evaluate treatment models/treatment --edges held.tsv"
)
def evaluate_treatment(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train treatment).")],
    edges: Annotated[
        Path | None,
        typer.Option(help="TSV with head (drug) and tail; default: what training held back."),
    ] = None,
    split: Annotated[Path | None, typer.Option(help="Or the test of a medkg split.")] = None,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Measure although pairs are given away.")
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Drugs ranked for diseases: figures with intervals, beside popularity and each member."""
    from medkg.cli import show
    from medkg.cli.show_recommendation import below_members, evaluation_tables
    from medkg.core.quarantine import Quarantine
    from medkg.mining.treatment.evaluate import evaluate_treatment as evaluate_model

    quarantine = Quarantine()
    report = evaluate_model(
        open_treatment_model(model, graph),
        edges=edges,
        split=split,
        allow_leaks=allow_leaks,
        seed=seed,
        quarantine=quarantine,
    )
    print_set_aside(quarantine)
    if as_json:
        return show.as_json(report)
    for title, rows in evaluation_tables(report):
        show.frame(rows, title)
    leaks = report["leaks"]
    show.out.print(f"leaks: {leaks['leaked']:,} of {leaks['pairs']:,} pairs")
    for warning in below_members(report):
        show.out.print(f"warning: {warning}")
    return None
