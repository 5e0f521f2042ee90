"""Commands that load curated sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import app
from medkg.cli.options import Json, values_by_name
from medkg.cli.output import save_and_print

if TYPE_CHECKING:
    from medkg.loaders.table import DryRun


@app.command(epilog="Example: medkg sources hetionet")
def sources(
    name: Annotated[
        str | None, typer.Argument(help="A source, to see all about it; none: list them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The sources that can be loaded, with licence and how one gets their files."""
    import polars as pl

    from medkg.cli import show
    from medkg.loaders.sources import SOURCES, describe

    if name is not None:
        source = describe(name)
        if as_json:
            return show.as_json(source)
        options = [f"{option}: {meaning}" for option, meaning in source["options"].items()]
        return show.pairs({**source, "options": options}, name)
    if as_json:
        return show.as_json([describe(each) for each in sorted(SOURCES)])
    rows = [
        {"name": each, "what": info.title, "files": info.comes, "licence": info.licence}
        for each, info in sorted(SOURCES.items())
    ]
    show.frame(pl.DataFrame(rows), "Sources")
    return show.out.print("medkg sources NAME shows what it reads, gives and takes")


@app.command(epilog="Example: medkg load hetionet --path hetionet/ --out graphs/hetionet")
def load(
    source: Annotated[
        str, typer.Argument(help="A source of `medkg sources`, or table for one of your own.")
    ],
    out: Annotated[Path | None, typer.Option(help="Graph folder to write.")] = None,
    path: Annotated[
        Path | None,
        typer.Option(help="The published file or folder; without, it is downloaded if it may be."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="name=value of the source, as often as needed.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Of table: the YAML file that says which column is what.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of tables: show ten rows as they would become.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download the files though some come with medkg.")
    ] = False,
    language: Annotated[
        str | None,
        typer.Option(help="Give the nodes their names in it too: zh, Chinese."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Names in --language of your own: a TSV of id and name, or babelon."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Load a curated source, or a table of your own, into a graph folder."""
    from medkg.core.atomic import check_replaceable
    from medkg.core.quarantine import Quarantine
    from medkg.graph.graph_frames import MANIFEST
    from medkg.loaders.sources import load as load_source

    options = values_by_name("--option", option)
    if mapping is not None:
        options["mapping"] = str(mapping)
    if dry_run:
        return _show_dry_run(source, path, options, as_json)
    if out is None:
        raise typer.BadParameter("give the graph folder to write with --out")
    check_replaceable(out, marker=MANIFEST)
    quarantine = Quarantine()
    kg = load_source(
        source,
        path,
        quarantine=quarantine,
        fetch=fetch,
        language=language,
        labels=labels,
        **options,
    )
    return save_and_print(kg, out, quarantine, as_json)


def _show_dry_run(source: str, path: Path | None, options: dict[str, str], as_json: bool) -> None:
    from medkg.loaders.table import dry_run

    print_dry_run(dry_run(path, source, options), as_json)


def print_dry_run(made: DryRun, as_json: bool, **more: Any) -> None:
    """Print rows as they would become.

    Args:
        more: what the JSON says beside them.
    """
    import polars as pl

    from medkg.cli import show

    quarantine = [row.__dict__ for row in made.aside.rows]
    if as_json:
        frames = {"nodes": made.nodes.to_dicts(), "evidence": made.evidence.to_dicts()}
        return show.as_json({**frames, "set_aside": quarantine, **more})
    for title, rows in (("Nodes", made.nodes), ("Evidence", made.evidence)):
        filled = [name for name in rows.columns if any(map(show.cell, rows[name]))]
        show.frame(rows.select(filled or rows.columns), title)
    if quarantine:
        show.frame(pl.DataFrame(quarantine), "Set aside")
    return None
