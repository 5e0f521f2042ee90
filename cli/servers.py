"""Commands on graph servers: write, read, forget, serve, audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from medkg.cli import language
from medkg.cli.app import app
from medkg.cli.options import Json
from medkg.cli.output import print_summary, save_and_print

if TYPE_CHECKING:
    from medkg.graph.copies import Copy


@app.command(epilog="Example: medkg write graphs/all --into embedded:server")
def write(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    into: Annotated[str, typer.Option(help="bolt://…, neo4j://… or embedded:DIR")],
    name: Annotated[
        str | None, typer.Option(help="What info calls this load; the sources by default.")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Take out what these sources no longer say.")
    ] = False,
    evidence: Annotated[
        bool, typer.Option(help="Without: nodes and relationships alone, to look at.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Write a graph folder to a server; what is there already is left as it is.

    A write that was interrupted goes on where it stopped when the same command is given again.
    """
    from medkg.access import connect
    from medkg.graph.kg import KnowledgeGraph

    kg = KnowledgeGraph.open(graph)
    with connect(into) as connection:
        summary = connection.write(kg, name, prune=prune, evidence=evidence)
        print_summary(summary, into, as_json)


@app.command(
    epilog="Example: medkg read bolt://localhost:7687 --around imatinib --hops 2 --out graphs/part"
)
def read(
    uri: Annotated[str, typer.Argument(help="bolt://…, neo4j://… or embedded:DIR")],
    out: Annotated[Path | None, typer.Option(help="Graph folder to write.")] = None,
    around: Annotated[
        list[str] | None, typer.Option(help="Only what is around this identifier or name.")
    ] = None,
    hops: Annotated[int, typer.Option(min=0, help="How far around it.")] = 1,
    most: Annotated[
        int | None,
        typer.Option(min=1, help="Follow at most so many edges of a node, probable ones first."),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only nodes of this kind.")] = None,
    relation: Annotated[list[str] | None, typer.Option(help="Only this relation.")] = None,
    min_probability: Annotated[
        float, typer.Option(min=0, max=1, help="Only edges that are at least as probable.")
    ] = 0.0,
    predictions: Annotated[
        bool | None,
        typer.Option(help="With predictions; by default those of a whole graph only."),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="Of a graph that medkg didn't write: the YAML that says what is what."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of --mapping: show rows as they would become.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read a server's graph, or a part of it, into a graph folder, evidence included."""
    from medkg.access import connect, existing_server
    from medkg.core.atomic import check_replaceable
    from medkg.core.quarantine import Quarantine
    from medkg.graph.graph_frames import MANIFEST

    if dry_run and mapping is None:
        raise typer.BadParameter("--dry-run goes with --mapping")
    if out is None and not dry_run:
        raise typer.BadParameter("give the graph folder to write with --out")
    if most is not None and not around:
        raise typer.BadParameter("--most goes with --around")
    chosen = around or kind or relation or min_probability or predictions is not None
    if mapping is not None and chosen:
        raise typer.BadParameter("--mapping says what is read: leave out the other choices")
    if out is not None and not dry_run:
        check_replaceable(out, marker=MANIFEST)
    if mapping is not None:
        return _read_mapped(uri, mapping, None if dry_run else out, as_json)
    assert out is not None
    with connect(existing_server(uri)) as connection:
        kg = connection.read(
            around or None,
            hops,
            kinds=kind or None,
            relations=relation or None,
            min_probability=min_probability,
            most=most,
            predictions=predictions,
        )
    return save_and_print(kg, out, Quarantine(), as_json)


def _read_mapped(uri: str, mapping: Path, out: Path | None, as_json: bool) -> None:
    """Read a graph that medkg didn't write; without `out`, show the first rows of it."""
    from medkg.access import connect, existing_server
    from medkg.cli import show
    from medkg.cli.sources import print_dry_run
    from medkg.core.quarantine import Quarantine
    from medkg.loaders.property_graph import MappedServer

    with connect(existing_server(uri)) as connection:
        server = MappedServer(connection, mapping)
        unmapped = server.unmapped()
        if out is None:
            print_dry_run(server.dry_run(), as_json, unmapped=unmapped.to_dicts())
        else:
            quarantine = Quarantine()
            kg = server.read(quarantine)
            save_and_print(kg, out, quarantine, as_json, unmapped=unmapped.to_dicts())
    if not as_json and unmapped.height:
        show.frame(unmapped, "Not mapped", most=50)


@app.command(epilog="Example: medkg forget --patient patient:x graphs/all --search .")
def forget(
    graph: Annotated[str, typer.Argument(help="A graph folder, or a server by URI.")],
    source: Annotated[list[str] | None, typer.Option(help="A source by its name.")] = None,
    document: Annotated[list[str] | None, typer.Option(help="A document by identifier.")] = None,
    patient: Annotated[list[str] | None, typer.Option(help="A patient by identifier.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model by its name: its predictions.")
    ] = None,
    search: Annotated[
        list[Path] | None,
        typer.Option(help="A folder: forget patients and documents in all that it holds."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="File with the secret key of sealed files; or set MEDKG_SEAL_KEY."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take sources, documents, patients or a model's predictions out; what others say too stays.

    With --search also out of other graphs, servers, exports and unfinished work; what can't be
    rewritten (models that learned from them, pages, sealed copies, notes) is listed.
    """
    from medkg.access import connect, existing_server, is_uri
    from medkg.cli import show
    from medkg.cli.seal import sealing_secrets
    from medkg.graph.copies import forget_copies
    from medkg.graph.forget import forget_in_folder, identifiers
    from medkg.graph.kg import KnowledgeGraph

    who = {"document": document or (), "patient": patient or ()}
    if search and not any(who.values()):
        raise typer.BadParameter("--search is for patients and documents: give one")
    copies: list[Copy] = []
    secrets = sealing_secrets(key)
    if is_uri(graph):
        with connect(existing_server(graph)) as connection:
            if search:
                own = None if connection.server is None else connection.server.folder
                copies = forget_copies(search, connection.identifiers(**who), skip=own, **secrets)
            summary = connection.forget(source=source or (), model=model or (), **who)
    else:
        if search:
            kg = KnowledgeGraph.open(graph)
            copies = forget_copies(search, identifiers(kg, **who), kg, skip=Path(graph), **secrets)
        summary = forget_in_folder(graph, source=source or (), model=model or (), **who)
    if as_json:
        listed = [asdict(copy) for copy in copies]
        show.as_json({**summary.as_dict(), "copies": listed} if search else summary.as_dict())
    else:
        print_summary(summary, graph, as_json=False)
        if search:
            _print_copies(copies)
        elif any(who.values()):
            show.out.print("copies elsewhere were not looked for: --search DIR does")
    if summary.unknown and not copies:
        raise typer.Exit(1)  # a script must not take a slip in an identifier for forgetting


def _print_copies(copies: Sequence[Copy]) -> None:
    from medkg.cli import show

    for copy in copies:
        state = "; ".join(filter(None, ["they are out of it" * copy.rewritten, copy.to_do]))
        show.out.print(f"{copy.path} ({copy.kind}): {state}", soft_wrap=True)
    if not copies:
        show.out.print("nothing else holds them there")


@app.command(epilog="Example: medkg serve server/ --ui --diagnosis models/diagnosis")
def serve(
    server: Annotated[
        str, typer.Argument(help="The embedded server's folder; with --ui also a Neo4j's bolt://…")
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where to listen; 0: any free port.")
    ] = 0,
    ui: Annotated[
        bool, typer.Option("--ui", help="With a site, for a browser on this machine.")
    ] = False,
    ui_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of --ui: where the site is; 0: any free port.")
    ] = 0,
    diagnosis: Annotated[
        Path | None, typer.Option(help="Of --ui: a model folder (medkg train diagnosis).")
    ] = None,
    treatment: Annotated[
        Path | None, typer.Option(help="Of --ui: a model folder (medkg train treatment).")
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(help="Of --ui: a model folder (medkg train links), which explains."),
    ] = None,
    lang: Annotated[
        Literal["en", "zh"] | None,
        typer.Option(
            help="Of --ui: language of the pages and of diseases; default: medkg --lang's."
        ),
    ] = None,
) -> None:
    """Run the embedded server until Ctrl-C, and print its address and accounts.

    The account `reader` can change nothing. Each log-in and query is recorded: see medkg audit.
    """
    from medkg.access import is_uri

    if not ui and (diagnosis or treatment or links or ui_port or lang is not None):
        raise typer.BadParameter(
            "--ui-port, --diagnosis, --treatment, --links and --lang go with --ui"
        )
    chosen = lang or language.current()
    models = _models(diagnosis, treatment, links, None if chosen == "en" else chosen)
    models["language"] = chosen
    folder = server.removeprefix("embedded:")
    if folder == server and is_uri(server):
        if not ui:
            raise typer.BadParameter(f"{server} is served already: --ui adds a site over it")
        if port:
            raise typer.BadParameter("--port is of the embedded server; the site's is --ui-port")
        with suppress(KeyboardInterrupt), _printed_site(server, ui_port, models):
            _until_stopped()
    else:
        _serve_embedded(Path(folder), port, ui_port if ui else None, models)


def _until_stopped(running: Callable[[], bool] = lambda: True) -> None:
    """Wait while a server runs, until Ctrl-C."""
    from medkg.cli import show

    show.out.print("Ctrl-C stops it.")
    while running():
        time.sleep(0.5)


def _serve_embedded(folder: Path, port: int, ui_port: int | None, models: dict[str, Any]) -> None:
    """Run the server of a folder until Ctrl-C, with a site where there is a port for it."""
    from medkg.access import existing_server
    from medkg.cli import show
    from medkg.core.errors import StoreError
    from medkg.graph.store.embedded import serve as start
    from medkg.graph.store.gateway import Gateway

    existing_server(f"embedded:{folder}")
    server = start(folder)
    try:
        with Gateway.of(server, port) as gateway, ExitStack() as stack:
            if ui_port is not None:
                stack.enter_context(_printed_site(f"embedded:{folder}", ui_port, models))
            passwords = {account.name: account.password for account in gateway.accounts.values()}
            show.pairs(
                {"uri": gateway.uri, **passwords}, "Serving: address, and each account's password"
            )
            _until_stopped(server.running)
            raise StoreError(f"the server of {folder} has ended; its log is in {folder / 'log'}")
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _models(
    diagnosis: Path | None, treatment: Path | None, links: Path | None, names: str | None
) -> dict[str, Any]:
    """The models of a site, by what they are for; diseases and phenotypes named in a language."""
    from medkg.cli.models import open_diagnosis_model, open_link_model, open_treatment_model

    models: dict[str, Any] = {}
    if diagnosis is not None:
        models["diagnosis"] = open_diagnosis_model(diagnosis, None, names=names)
    if treatment is not None:
        models["treatment"] = open_treatment_model(treatment, None)
    if links is not None:
        models["links"] = open_link_model(links, None)
    return models


@contextmanager
def _printed_site(uri: str, port: int, models: dict[str, Any]) -> Iterator[None]:
    """A site over a server, its address and tokens printed."""
    from medkg.access import connect
    from medkg.cli import show
    from medkg.web.run import running_site

    with connect(uri) as store, running_site(store, port, **models) as site:
        address = {"site": f"http://127.0.0.1:{site.port}/"}
        show.pairs({**address, **site.tokens.by_account}, "Site: address, and each account's token")
        yield


@app.command(epilog="Example: medkg audit server/ --about patient:x")
def audit(
    folder: Annotated[
        Path, typer.Argument(help="The embedded server's folder, or that of MEDKG_AUDIT.")
    ],
    about: Annotated[
        str | None, typer.Option(help="Only what was about this value, such as a patient's id.")
    ] = None,
    noted: Annotated[
        str | None, typer.Option(help="A hash noted earlier: is all up to there still in the log?")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show who asked what of a server and who changed what, and verify the log's chain."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.errors import DataError
    from medkg.graph.store.audit import AuditLog

    log = AuditLog(folder)
    if not log.log.file.exists():
        raise DataError(
            "is not there; medkg keeps one in each folder that it serves", path=log.log.file
        )
    lines, last = log.log.verify(noted)
    entries = list(log.entries(about))
    if as_json:
        return show.as_json({"lines": lines, "last_hash": last, "entries": entries})
    chain = ("number", "time", "user", "action")
    rows = [
        {
            **{name: str(entry.get(name, "")) for name in chain},
            "what": str(entry.get("cypher") or entry.get("sources") or ""),
        }
        for entry in entries
    ]
    show.frame(pl.DataFrame(rows, schema=[*chain, "what"], orient="row"), "Log", most=200)
    show.pairs({"lines": lines, "chain": "whole", "last hash (note it elsewhere)": last}, "")
    return None
