"""The command that splits edges or cases into training, validation and test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from medkg.cli.app import app
from medkg.cli.options import Json, Seed, given_options
from medkg.cli.output import print_set_aside


@app.command(epilog="Example: medkg split graphs/all --how new-heads --out splits/new-drugs")
def split(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    relation: Annotated[
        str | None, typer.Option(help="The relation to predict (default: TARGETS).")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            help="Split cases instead, for diagnosis: phenopackets, a graph folder, or a TSV with"
            " the columns case, phenotypes, diseases."
        ),
    ] = None,
    how: Annotated[
        str | None,
        typer.Option(
            help="random, new-heads, new-tails, by-source or by-date; of cases by-publication or"
            " by-date (default: random; of cases by-date)."
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            help="Of the edges, for validation and for the test each; of the cases, for the test,"
            " and of the rest for validation (default: 0.1; of cases 0.2)."
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="by-source: test what this source alone records; repeatable."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="by-date: test what is dated this day or later; of cases, a PMID."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="new-heads, new-tails: a relation whose edges they lose too, or all; repeatable."
        ),
    ] = None,
    similarity: Annotated[
        float | None,
        typer.Option(min=0.1, max=1, help="From which two compounds count as one (default: 0.9)."),
    ] = None,
    drop_cited: Annotated[
        bool,
        typer.Option("--drop-cited", help="Of cases: leave out what cites the test's papers."),
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Split a relation's edges, or cases, for training, validation and test, without leaks."""
    from medkg.core.atomic import check_replaceable
    from medkg.mining.links.split import MANIFEST

    check_replaceable(out, marker=MANIFEST)
    options = given_options(how=how, share=share, since=since)
    edge_options = given_options(
        relation=relation, sources=source, without=without, similarity=similarity
    )
    if cases is None and drop_cited:
        raise typer.BadParameter("--drop-cited is for --cases")
    if cases is None:
        return _split_edges(graph, out, {**options, **edge_options, "seed": seed}, as_json)
    if edge_options:
        raise typer.BadParameter(f"{', '.join(edge_options)} is for edges, not for --cases")
    return _split_cases(
        graph, cases, out, {**options, "drop_cited": drop_cited, "seed": seed}, as_json
    )


def _split_edges(graph: Path, out: Path, options: dict[str, Any], as_json: bool) -> None:
    from medkg.cli import show
    from medkg.cli.show_evaluation import print_split
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.links.split import split_links

    split = split_links(KnowledgeGraph.open(graph), **options)
    split.save(out)
    return show.as_json(split.report) if as_json else print_split(split.report, str(out))


def _split_cases(
    graph: Path, cases: Path, out: Path, options: dict[str, Any], as_json: bool
) -> None:
    from medkg.cases import open_cases
    from medkg.cli import show
    from medkg.cli.show_evaluation import print_case_split
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.split import split_cases

    since = str(options.pop("since", "")).removeprefix("PMID:")
    if since:
        if not since.isdigit():
            raise typer.BadParameter("of cases, --since is a PMID, as PMID:34600001")
        options["since"] = int(since)
    how = options.pop("how", "by-date")
    quarantine = Quarantine()
    kg = KnowledgeGraph.open(graph)
    split = split_cases(kg, open_cases(cases, quarantine), how, **options)
    split.save(out)
    if as_json:
        return show.as_json({**split.report, "set_aside": quarantine.counts()})
    print_case_split(split.report, str(out))
    return print_set_aside(quarantine)
