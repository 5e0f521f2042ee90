"""Commands on groups of patients: what characterises them, and what treatments do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medkg.cli.app import app
from medkg.cli.options import Json, Seed

if TYPE_CHECKING:
    import polars as pl

    from medkg.mining.cohort.effect import TreatmentEffect

Graph = Annotated[Path, typer.Argument(help="A graph folder with patients (medkg load, read).")]
Among = Annotated[
    list[str] | None,
    typer.Option(help="Only patients with this, by identifier or name; repeatable."),
]
_CONFOUNDERS = 10


@app.command(epilog="Example: medkg cohort graphs/ward --having asthma --among 'chronic cough'")
def cohort(
    graph: Graph,
    having: Annotated[
        list[str],
        typer.Option(help="A disease, phenotype, drug or examination of the group; repeatable."),
    ],
    among: Among = None,
    top: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    as_json: Json = False,
) -> None:
    """What patients with something have more often, or higher, than other patients."""
    import polars as pl

    from medkg.cli import show
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.cohort.characteristics import cohort as characteristics_of

    rows = characteristics_of(KnowledgeGraph.open(graph), having, among=among or ())
    if as_json:
        return show.as_json(rows.head(top))
    shown = rows.head(top).select(
        "name",
        "relation",
        with_it=_cells("cohort"),
        others=_cells("others"),
        smd=pl.col("smd").round(2),
    )
    show.frame(shown, f"{' and '.join(having)}: {rows.height} characteristics")
    return show.out.print(
        "shares of patients, or means of numbers; smd: the difference in standard deviations, from"
        " 0.1 on unlike. What is not recorded counts as not there; of fewer than five nothing is"
        " shown."
    )


@app.command(
    epilog="Example: medkg effect graphs/ward --treatment salmeterol --instead-of theophylline"
    " --outcome cough --among asthma"
)
def effect(
    graph: Graph,
    treatment: Annotated[
        list[str], typer.Option(help="A drug or procedure; several are a plan of all of them.")
    ],
    outcome: Annotated[str, typer.Option(help="A disease, phenotype or procedure.")],
    among: Among = None,
    instead_of: Annotated[
        list[str] | None,
        typer.Option(help="What the others have in its place. [default: all who lack it]"),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """How often an outcome follows a treatment, confounders named. For research, not for care."""
    from medkg.cli import show
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.cohort.effect import treatment_effect

    compared = treatment_effect(
        KnowledgeGraph.open(graph),
        treatment,
        outcome,
        among=among or (),
        instead_of=instead_of or (),
        seed=seed,
    )
    if as_json:
        return show.as_json(compared.report())
    return _print(compared)


def _cells(column: str) -> pl.Expr:
    """Shares as percentages, means of numbers as they are."""
    import polars as pl

    value = pl.col(column)
    percentages = (100 * value).round(1).cast(pl.String) + " %"
    return pl.when("is_number").then(value.round(2).cast(pl.String)).otherwise(percentages)


def _print(compared: TreatmentEffect) -> None:
    import polars as pl

    from medkg.cli import show

    others = compared.others or "without it"
    among = f", of patients with {compared.among}" if compared.among else ""
    show.out.print(f"{compared.outcome} after {compared.treatment} or {others}{among}")
    for name, arm in zip((compared.treatment, others), compared.arms.values(), strict=True):
        show.out.print(f"  {name}: {arm['events']:,} of {arm['patients']:,}")
    rows = [
        {
            "estimate": name,
            "treated %": _number(row["treated"], ".1%"),
            "others %": _number(row["others"], ".1%"),
            "difference": _interval(row, "difference", "+.1%"),
            "ratio": _interval(row, "ratio", ".2f"),
        }
        for name, row in compared.estimates.items()
    ]
    show.frame(pl.DataFrame(rows), "Risks, with 95 % intervals")
    table = compared.covariates.filter("confounder")
    if table.height:
        shown = table.head(_CONFOUNDERS).select(
            "name",
            treated=_cells("treated"),
            others=_cells("others"),
            smd=pl.col("smd").round(2),
            weighted=pl.col("smd_weighted").round(2),
            outcome=pl.col("smd_outcome").round(2),
        )
        more = f", the strongest {_CONFOUNDERS}" if table.height > _CONFOUNDERS else ""
        show.frame(shown, f"{table.height} confounders{more}; differences in standard deviations")
    for line in _remarks(compared):
        show.out.print(line)


def _interval(row: dict[str, object], name: str, form: str) -> str:
    value, bounds = row[name], row[f"{name}_interval"]
    assert isinstance(bounds, list)
    low, high = (_number(bound, form) for bound in bounds)
    return f"{_number(value, form)} [{low}, {high}]"


def _number(value: object, form: str) -> str:
    """A number, a percentage without its sign, or a dash where there is none."""
    return "–" if value is None else format(value, form).rstrip("%")


def _remarks(compared: TreatmentEffect) -> list[str]:
    overlap, lines = compared.overlap, []
    lines.append(
        f"{overlap['outside']:.0f} patients are like none of the other group, and only in the crude"
        f" estimate; the weighted groups are worth {overlap['effective_treated']:,.0f} and"
        f" {overlap['effective_others']:,.0f} patients"
    )
    if overlap["unpaired"]:
        lines.append(
            f"{overlap['unpaired']:.0f} more are in a fifth with one group alone, and not in the"
            " stratified estimate"
        )
    if compared.unbalanced:
        names = ", ".join(compared.unbalanced[:5])
        lines.append(f"still unlike with the weights: {len(compared.unbalanced)} ({names})")
    if compared.e_value is not None:
        lines.append(
            "something unrecorded that goes with treatment and outcome by risk ratios of"
            f" {compared.e_value['estimate']:g} each would explain the weighted estimate away;"
            f" its interval, by {compared.e_value['bound']:g}"
        )
    lines += [f"left out: {count:,} {reason}" for reason, count in compared.left_out.items()]
    return [*lines, *compared.notes, "An association, and no proof of an effect."]
