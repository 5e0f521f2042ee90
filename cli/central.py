"""The command `medkg central`: central nodes and communities of a graph or of a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import app
from medkg.cli.options import Json, Seed


@app.command(
    epilog="Example: medkg central graphs/all --relation TARGETS --relation ASSOCIATED_WITH"
)
def central(
    graph: Annotated[Path | None, typer.Argument(help="A graph folder.")] = None,
    on: Annotated[str | None, typer.Option(help="Or a server, by URI.")] = None,
    around: Annotated[
        list[str] | None, typer.Option(help="Only what is around these entities; repeatable.")
    ] = None,
    hops: Annotated[int, typer.Option(min=1, help="How far from them.")] = 1,
    relation: Annotated[
        list[str] | None, typer.Option(help="Only edges of these relations; repeatable.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    csv: Annotated[Path | None, typer.Option(help="Write all of them into this file.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """The most central nodes, and the communities that they belong to."""
    from medkg.access import centrality, connect, existing_server
    from medkg.cli import show
    from medkg.core.atomic import atomic_file
    from medkg.graph.kg import KnowledgeGraph

    if (graph is None) == (on is None):
        raise typer.BadParameter("give a graph folder, or a server with --on")
    if as_json and csv is not None:
        raise typer.BadParameter("give --json or --csv, not both")
    if on is not None:
        with connect(existing_server(on)) as connection:
            rows = centrality(connection, around, hops=hops, relations=relation, seed=seed)
    else:
        kg = KnowledgeGraph.open(str(graph))
        rows = centrality(kg, around, hops=hops, relations=relation, seed=seed)
    if csv is not None:
        with atomic_file(csv) as draft:
            rows.write_csv(draft)
        return show.out.print(f"{csv}: {rows.height:,} rows", soft_wrap=True)
    if as_json:
        return show.as_json(rows)
    communities = rows["community"].n_unique()
    show.frame(rows.drop("id").head(top), f"The most central of {rows.height:,} nodes")
    return show.out.print(
        "betweenness: the share of pairs of other nodes whose shortest paths lead through it;"
        f" {communities:,} communities, 0 the largest; identifiers: --json, --csv FILE"
    )
