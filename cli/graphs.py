"""Commands on graph folders: merge, inspect, check, export, view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medkg.cli.app import app
from medkg.cli.options import Json, Language, OutGraph
from medkg.cli.output import print_written, save_and_print, save_with_quarantine

if TYPE_CHECKING:
    import polars as pl


@app.command(epilog="Example: medkg merge graphs/hpo graphs/notes --out graphs/all")
def merge(
    graphs: Annotated[list[Path], typer.Argument(help="Graph folders, the best names first.")],
    out: OutGraph,
    as_json: Json = False,
) -> None:
    """Join graphs: the same identifiers, cross-references and gene symbols become one node."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.graph.merge import merge as merge_graphs

    kg = merge_graphs(*(KnowledgeGraph.open(path) for path in graphs))
    saved, merges = save_with_quarantine(kg, out, Quarantine()), kg.merge_counts()
    if as_json:
        return show.as_json({**saved, "merges": merges})
    print_written(saved)
    joined, held_back = merges.values()
    show.out.print(
        f"identifiers: {joined:,} joined, {held_back:,} held back (medkg info {out} --merges)",
    )
    return None


@app.command(epilog="Example: medkg unmerge graphs/all DOID:1168 --out graphs/all")
def unmerge(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    identifier: Annotated[str, typer.Argument(help="What merging joined to another node.")],
    out: OutGraph,
    as_json: Json = False,
) -> None:
    """Undo a merge: a node of its own again, with its evidence, and never merged again."""
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.graph.merge import unmerge as unmerge_node

    save_and_print(unmerge_node(KnowledgeGraph.open(graph), identifier), out, Quarantine(), as_json)


@app.command(epilog="Example: medkg info graphs/all")
def info(
    graph: Annotated[Path | None, typer.Argument(help="A graph folder.")] = None,
    on: Annotated[str | None, typer.Option(help="Or a server, by URI.")] = None,
    merges: Annotated[
        bool, typer.Option("--merges", help="List which identifiers of the folder became which.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Counts by kind, relation and source, merges, loads, and the sources' licences."""
    from medkg.access import connect, existing_server
    from medkg.cli import show
    from medkg.graph.kg import KnowledgeGraph

    if (graph is None) == (on is None):
        raise typer.BadParameter("give a graph folder, or a server with --on")
    if on is not None:
        if merges:
            raise typer.BadParameter("--merges lists those of a graph folder")
        with connect(existing_server(on)) as connection:
            facts = connection.info()
    else:
        assert graph is not None
        kg = KnowledgeGraph.open(graph)
        if merges:
            listed = kg.merges.drop("was").sort(
                "applied", "kept", "merged", descending=[True] + 2 * [False]
            )
            return show.as_json(listed) if as_json else show.frame(listed, f"Merges of {graph}")
        facts = {**kg.info()}
    if as_json:
        return show.as_json(facts)
    loads = facts.pop("loads", [])
    show.pairs(facts, str(on or graph))
    if loads:
        show.loads(loads)
    return None


@app.command(epilog="Example: medkg check graphs/all --report doubts.jsonl --fix graphs/clean")
def check(
    graph: Annotated[Path | None, typer.Argument(help="A graph folder.")] = None,
    on: Annotated[str | None, typer.Option(help="Or a server, by URI.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="File to write with every doubtful row, as JSON lines.")
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(help="Graph folder to write, with what is safely mended mended.")
    ] = None,
    drop_isolated: Annotated[
        bool,
        typer.Option(
            "--drop-isolated", help="With --fix: without nodes that no edge or evidence has."
        ),
    ] = False,
    mend: Annotated[
        bool,
        typer.Option("--mend", help="With --on: put relationships right by their evidence."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Report what is doubtful: contradictions, duplicates, bad rows and identifiers, …"""
    if (graph is None) == (on is None):
        raise typer.BadParameter("give a graph folder, or a server with --on")
    if graph is not None:
        if mend:
            raise typer.BadParameter("--mend is for a server; a folder is mended with --fix")
        return _check_folder(graph, report, fix, drop_isolated, as_json)
    assert on is not None
    if fix is not None or drop_isolated:
        raise typer.BadParameter("--fix is for a folder; a server is mended with --mend")
    return _check_server(on, report, mend, as_json)


def _check_server(uri: str, report: Path | None, mend: bool, as_json: bool) -> None:
    import polars as pl

    from medkg.access import connect, existing_server
    from medkg.cli import show

    with connect(existing_server(uri)) as connection:
        findings = [finding.as_dict() for finding in connection.check(report=report)]
        mended = connection.mend() if mend else 0
    if as_json:
        return show.as_json({"findings": findings, "mended": mended} if mend else findings)
    _print_findings(pl.DataFrame(findings), uri, report)
    if mend:
        show.out.print(f"mended: {mended:,} relationships")
    return None


def _check_folder(
    graph: Path, report: Path | None, fix: Path | None, drop_isolated: bool, as_json: bool
) -> None:
    import polars as pl

    from medkg.cli import show
    from medkg.core.atomic import check_replaceable
    from medkg.graph.check import check as check_graph
    from medkg.graph.clean import fix as fix_graph
    from medkg.graph.clean import open_unverified
    from medkg.graph.graph_frames import MANIFEST

    if fix is not None:
        check_replaceable(fix, marker=MANIFEST)
    kg = open_unverified(graph)
    findings = [finding.as_dict() for finding in check_graph(kg, report=report)]
    if fix is None:
        if as_json:
            return show.as_json(findings)
        return _print_findings(pl.DataFrame(findings), str(graph), report)
    fixed = fix_graph(kg, drop_isolated=drop_isolated)
    saved = save_with_quarantine(fixed.graph, fix, fixed.aside)
    if as_json:
        return show.as_json({"findings": findings, "fixed": fixed.done, **saved})
    _print_findings(pl.DataFrame(findings), str(graph), report)
    done = ", ".join(f"{count:,} {name}" for name, count in fixed.done.items())
    show.out.print(f"mended: {done or 'nothing'}")
    return print_written(saved)


def _print_findings(findings: pl.DataFrame, graph: str, report: Path | None) -> None:
    from medkg.cli import show

    if findings.is_empty():
        show.out.print("nothing doubtful found")
        return
    show.frame(findings, f"Doubtful in {graph}")
    if report is not None:
        show.out.print(f"{report}: every row of these")


@app.command(epilog="Example: medkg export graphs/all --format kgx --out kgx")
def export(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    form: Annotated[
        str,
        typer.Option("--format", help="kgx, kgx-jsonl, neo4j-import, graphml, turtle or parquet."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    sentences: Annotated[
        bool, typer.Option(help="Write sentences; without, only their offsets.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Write a graph in the form of other tools, its sources' licences beside it."""
    from medkg.cli import show
    from medkg.core.terminal import printable
    from medkg.graph.export import export as export_graph
    from medkg.graph.kg import KnowledgeGraph

    facts = export_graph(KnowledgeGraph.open(graph), out, form, sentences=sentences)
    if as_json:
        return show.as_json(facts)
    show.pairs(facts["counts"], f"{out}: {form}")
    if "command" in facts:
        show.out.print(f"{out}/import.sh imports it, by")
        print(printable(facts["command"]))
    return None


@app.command(epilog="Example: medkg view graphs/all imatinib KIT --hops 2 --out imatinib.html")
def view(
    graph: Annotated[str, typer.Argument(help="A graph folder, or a server by URI.")],
    around: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Identifiers or names to start from.")
    ],
    out: Annotated[Path, typer.Option(help="The HTML page to write.")],
    hops: Annotated[int, typer.Option(min=1, max=4, help="How far to show nodes at first.")] = 1,
    limit: Annotated[
        int, typer.Option(min=1, max=2_000, help="How many nodes to show at first.")
    ] = 100,
    names: Language = None,
) -> None:
    """Write an interactive page of what is around some entities; it works offline."""
    from medkg.access import view as view_graph
    from medkg.cli import show

    made = view_graph(graph, around, out, hops=hops, limit=limit, names=names)
    show.out.print(f"{out}: {made.summary()}")
