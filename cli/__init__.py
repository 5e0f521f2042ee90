"""The command line. Every command is a few lines over what Python offers too."""

from __future__ import annotations

import signal
import sys
import time
import warnings
from datetime import date
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

if TYPE_CHECKING:
    import polars as pl

    from medkg.core.quarantine import Quarantine
    from medkg.diagnose import Patient
    from medkg.extract.annotated import AnnotatedText
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.circumstances import Circumstances
    from medkg.mining.diagnosis.model import DiagnosisModel
    from medkg.mining.links.model import LinkModel
    from medkg.mining.treatment.model import TreatmentModel

# Nothing heavy is imported up here: `medkg -h` must answer at once.

app = typer.Typer(
    name="medkg",
    help="Clinical text and curated sources to one evidence-backed graph, mined and explained.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(no_args_is_help=True, help="Train a model; the same command resumes it.")
evaluate = typer.Typer(no_args_is_help=True, help="The standard figures, baselines beside them.")
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")
review = typer.Typer(no_args_is_help=True, help="Let a person correct what was read.")
app.add_typer(review, name="review")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"medkg {version('medkg')}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and end."
        ),
    ] = False,
) -> None: ...


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]
OutGraph = Annotated[Path, typer.Option("--out", help="Graph folder to write.")]
Encoder = Annotated[
    str | None, typer.Option(help="A Hugging Face encoder by name or folder, such as BioBERT's.")
]
Lora = Annotated[
    int | None,
    typer.Option(
        min=1, help="Train LoRA of this rank in place of a Hugging Face encoder's weights."
    ),
]
LabelKinds = Annotated[
    list[str] | None,
    typer.Option(help="LABEL=KIND: the kind that a label of your corpus stands for; repeatable."),
]
Top = Annotated[int, typer.Option(min=1, help="How many to show.")]


def _sex(text: str) -> str:
    """F and M are short for female and male; what is neither, the models refuse."""
    return {"f": "female", "m": "male"}.get(text.lower(), text.lower())


Sex = Annotated[str | None, typer.Option(parser=_sex, help="female or male; F or M.")]


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """What is said to users, without the place in the code."""
    if category is UserWarning:
        print(f"medkg: {message}", file=sys.stderr)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def main() -> None:
    """Run the command line: exit code 1 for what the user can put right, 2 for wrong usage."""
    from medkg.core.errors import MedkgError

    warnings.showwarning = _warned
    # Python's own answer leaves temporary files with text, and an embedded server running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except MedkgError as error:
        _fail(str(error))
    except (KeyboardInterrupt, SystemExit) as ended:
        if isinstance(ended, SystemExit) and ended.code != 130:  # so Typer answers to Ctrl-C
            raise
        _fail("stopped; the same command goes on from what was finished", code=130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}")


def _fail(message: str, code: int = 1) -> None:
    print(f"medkg: {message}", file=sys.stderr)
    sys.exit(code)


# The whole way


@app.command(epilog="Example: medkg quickstart --out demo")
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for all that is made.")] = Path(
        "medkg-quickstart"
    ),
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """The whole way, offline, on real data that comes with the install, in a few minutes."""
    from medkg.cli.quickstart import run

    run(out, seed=seed, as_json=as_json)


@app.command(epilog="Example: medkg doctor")
def doctor(as_json: Json = False) -> None:
    """Python, GPU, servers, models, data: what is there and what is missing."""
    from medkg.cli import show
    from medkg.doctor import examine

    findings = examine()
    if as_json:
        show.as_json(findings)
    else:
        show.pairs(findings, "medkg doctor")


# Graphs


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
        found = describe(name)
        if as_json:
            return show.as_json(found)
        options = [f"{option}: {says}" for option, says in found["options"].items()]
        return show.pairs({**found, "options": options}, name)
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
    as_json: Json = False,
) -> None:
    """Load a curated source, or a table of your own, into a graph folder."""
    from medkg.core.atomic import check_replaceable
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import MANIFEST
    from medkg.loaders.sources import load as load_source

    options = dict(_pair(text) for text in option or ())
    if mapping is not None:
        options["mapping"] = str(mapping)
    if dry_run:
        return _show_dry_run(source, path, options, as_json)
    if out is None:
        raise typer.BadParameter("give the graph folder to write with --out")
    check_replaceable(out, marker=MANIFEST)
    aside = Quarantine()
    kg = load_source(source, path, quarantine=aside, fetch=fetch, **options)
    return _save(kg, out, aside, as_json)


def _show_dry_run(source: str, path: Path | None, options: dict[str, str], as_json: bool) -> None:
    import polars as pl

    from medkg.cli import show
    from medkg.loaders.table import dry_run

    made = dry_run(path, source, options)
    aside = [row.__dict__ for row in made.aside.rows]
    if as_json:
        parts = {"nodes": made.nodes.to_dicts(), "evidence": made.evidence.to_dicts()}
        return show.as_json({**parts, "set_aside": aside})
    for title, rows in (("Nodes", made.nodes), ("Evidence", made.evidence)):
        said = [name for name in rows.columns if any(map(show.cell, rows[name]))]
        show.frame(rows.select(said or rows.columns), title)
    if aside:
        show.frame(pl.DataFrame(aside), "Set aside")
    return None


@app.command(epilog="Example: medkg extract notes/ --out graphs/notes")
def extract(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Text, Markdown, XML of PubMed and PMC, BioC, PubTator, PDF, JSON lines; folders;"
            " FILE.csv:TEXT or FILE.csv:ID,TEXT."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Graph folder to write.")] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Or one to update: what has not changed is not read again."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read.")] = 1,
    show_texts: Annotated[
        bool, typer.Option("--show", help="Print the texts, mentions coloured, and relations.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Page to write, of the texts and their triples.")
    ] = None,
    graph: Annotated[
        str | None, typer.Option(help="Link to this graph's entities (folder or URI).")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A folder of medkg train ner, a spaCy model, or a Hugging Face one."),
    ] = None,
    linker: Annotated[
        str | None, typer.Option(help="scispacy_linker:umls for scispaCy's; default: medkg's.")
    ] = None,
    patients: Annotated[
        bool, typer.Option(help="A plain text is a note about one patient.")
    ] = True,
    sentences: Annotated[
        bool, typer.Option(help="Keep sentences; without, only their offsets.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Read clinical text: mentions, context, links, relations; into a graph folder or shown.

    A run that was interrupted goes on where it stopped when the same command is given again.
    """
    from medkg.access import default_terminology
    from medkg.access import read as read_graph
    from medkg.cli import show
    from medkg.core.atomic import check_replaceable
    from medkg.graph.kg import MANIFEST

    if out is None and into is None and html is None and not show_texts:
        raise typer.BadParameter(
            "give a graph folder with --out or --into, --show, or a page with --html"
        )
    if out is not None and into is not None:
        raise typer.BadParameter("give --out for a new graph, or --into to update one")
    folder = out or into
    if folder is not None:
        check_replaceable(folder, marker=MANIFEST)
    terminology = default_terminology() if graph is None else read_graph(graph)
    done: dict[str, Any] = {}
    if show_texts or html is not None:
        found = _annotated(paths, terminology, model, patients, linker)
        if show_texts and not as_json:
            for text in found:
                show.annotated(text)
        elif show_texts:
            done["texts"] = [text.as_dict() for text in found]
        if html is not None:
            from medkg.extract.page import write_page

            write_page(found, html)
            done["page"] = str(html)
            if not as_json:
                show.out.print(f"{html}: {len(found):,} documents, with their texts", markup=False)
    if folder is not None:
        done |= _read_into(
            folder,
            paths,
            update=into is not None,
            terminology=terminology,
            model=model,
            linker=linker,
            patients=patients,
            sentences=sentences,
            workers=workers,
        )
        if not as_json:
            _print_written(done)
            _print_read(done)
    if as_json:
        show.as_json(done)


def _read_into(folder: Path, paths: list[str], *, update: bool, **options: Any) -> dict[str, Any]:
    """Read texts into a graph folder; what finished documents are kept in beside it goes then."""
    from medkg.access import read_texts
    from medkg.core.quarantine import Quarantine
    from medkg.extract.run import Summary, clear
    from medkg.graph.kg import KnowledgeGraph

    aside, summary = Quarantine(), Summary()
    keep = folder.with_name(f".{folder.name}.parts")
    old = KnowledgeGraph.open(folder) if update and folder.is_dir() else None
    kg = read_texts(paths, quarantine=aside, keep=keep, into=old, summary=summary, **options)
    written = _write(kg, folder, aside)
    clear(keep)
    patients = kg.nodes.filter(kind="Patient")["id"]
    first = None if patients.is_empty() else patients.min()
    return {**written, **summary.as_dict(), "patients": len(patients), "first_patient": first}


def _print_read(done: dict[str, Any]) -> None:
    from medkg.cli import show

    plural = "" if done["documents"] == 1 else "s"
    told = f"{done['documents']:,} document{plural} read, {done['words']:,} words"
    told += f", {done['mentions']:,} mentions, {done['relations']:,} relations"
    for name, says in (("unchanged", "unchanged"), ("resumed", "taken over from an earlier run")):
        told += f", {done[name]:,} {says}" if done[name] else ""
    show.out.print(f"{told}; {done['words_per_second']:,.0f} words/s")
    if done["first_patient"] and done["documents"]:
        folder, patient = quote(done["written"]), quote(f"patient={done['first_patient']}")
        show.out.print(
            f"what it says of a patient: medkg write {folder} --into embedded:server, then medkg"
            f" query record_of_patient --on embedded:server --param {patient}",
            markup=False,
            soft_wrap=True,
        )


def _annotated(
    paths: list[str],
    terminology: KnowledgeGraph,
    model: str | None,
    patients: bool,
    linker: str | None,
) -> list[AnnotatedText]:
    """What is read in texts; what can't be read is counted on standard error."""
    from medkg.access import annotate
    from medkg.core.quarantine import Quarantine

    aside = Quarantine()
    found = annotate(
        paths,
        terminology=terminology,
        model=model,
        patients=patients,
        linker=linker,
        quarantine=aside,
    )
    _say_set_aside(aside)
    return found


@review.command(
    "export", epilog="Example: medkg review export notes/ --out doubtful.jsonl --most 50"
)
def review_export(
    paths: Annotated[list[str], typer.Argument(help="Texts, as for extract.")],
    out: Annotated[Path, typer.Option(help="File to write for doccano, or folder for brat.")],
    form: Annotated[str, typer.Option("--format", help="doccano or brat.")] = "doccano",
    most: Annotated[int, typer.Option(min=1, help="How many documents.")] = 100,
    graph: Annotated[
        str | None, typer.Option(help="Link to this graph's entities (folder or URI).")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A recogniser of mentions, as for extract.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the documents of which the models are least sure, to be corrected by a person.

    medkg train ner reads what Doccano (JSONL) or brat (the folder) gives back.
    """
    from medkg.access import read as read_graph
    from medkg.access import review as choose
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine

    aside = Quarantine()
    terminology = None if graph is None else read_graph(graph)
    chosen = choose(
        paths, out, form, most=most, terminology=terminology, model=model, quarantine=aside
    )
    _say_set_aside(aside)
    if as_json:
        return show.as_json({"written": str(out), "documents": chosen.to_dicts()})
    show.frame(chosen, f"{out}: least sure first, with the texts")
    return None


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
    summary = {**_write(kg, out, Quarantine()), "merges": kg.merge_counts()}
    if as_json:
        return show.as_json(summary)
    _print_written(summary)
    joined, held_back = summary["merges"].values()
    show.out.print(
        f"identifiers: {joined:,} joined, {held_back:,} held back (medkg info {out} --merges)",
        markup=False,
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

    _save(unmerge_node(KnowledgeGraph.open(graph), identifier), out, Quarantine(), as_json)


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
    from medkg.access import connect
    from medkg.cli import show
    from medkg.graph.kg import KnowledgeGraph

    if (graph is None) == (on is None):
        raise typer.BadParameter("give a graph folder, or a server with --on")
    if on is not None:
        if merges:
            raise typer.BadParameter("--merges lists those of a graph folder")
        with connect(_existing(on)) as connection:
            facts = connection.info()
    else:
        assert graph is not None
        kg = KnowledgeGraph.open(graph)
        if merges:
            listed = kg.merges.drop("was").sort(
                "applied", "kept", "merged", descending=[True] + 2 * [False]
            )
            return show.as_json(listed) if as_json else show.frame(listed, f"Merges of {graph}")
        facts = kg.info()
    if as_json:
        return show.as_json(facts)
    loads = facts.pop("loads", [])
    show.pairs(facts, str(on or graph))
    if loads:
        show.loads(loads)
    return None


@app.command(epilog="Example: medkg check graphs/all --report doubts.jsonl --fix graphs/clean")
def check(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    report: Annotated[
        Path | None, typer.Option(help="File to write with every doubtful row, as JSON lines.")
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(help="Graph folder to write, with what is safely mended mended.")
    ] = None,
    drop_isolated: Annotated[
        bool, typer.Option("--drop-isolated", help="With --fix: no nodes that nothing speaks of.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Report what is doubtful: contradictions, duplicates, bad rows and identifiers, …"""
    import polars as pl

    from medkg.cli import show
    from medkg.core.atomic import check_replaceable
    from medkg.graph.check import check as check_graph
    from medkg.graph.clean import fix as fix_graph
    from medkg.graph.clean import open_unverified
    from medkg.graph.kg import MANIFEST

    if fix is not None:
        check_replaceable(fix, marker=MANIFEST)
    kg = open_unverified(graph)
    findings = [finding.as_dict() for finding in check_graph(kg, report=report)]
    if fix is None:
        if as_json:
            return show.as_json(findings)
        return _print_findings(pl.DataFrame(findings), graph, report)
    fixed = fix_graph(kg, drop_isolated=drop_isolated)
    summary = {"fixed": fixed.done, **_write(fixed.graph, fix, fixed.aside)}
    if as_json:
        return show.as_json({"findings": findings, **summary})
    _print_findings(pl.DataFrame(findings), graph, report)
    done = ", ".join(f"{count:,} {name}" for name, count in fixed.done.items())
    show.out.print(f"mended: {done or 'nothing'}", markup=False)
    return _print_written(summary)


def _print_findings(findings: pl.DataFrame, graph: Path, report: Path | None) -> None:
    from medkg.cli import show

    if findings.is_empty():
        show.out.print("nothing doubtful found")
        return
    show.frame(findings, f"Doubtful in {graph}")
    if report is not None:
        show.out.print(f"{report}: every row of these", markup=False)


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
        _print_summary(summary, into, as_json)


@app.command(
    epilog="Example: medkg read bolt://localhost:7687 --around imatinib --hops 2 --out graphs/part"
)
def read(
    uri: Annotated[str, typer.Argument(help="bolt://…, neo4j://… or embedded:DIR")],
    out: OutGraph,
    around: Annotated[
        list[str] | None, typer.Option(help="Only what is around this identifier or name.")
    ] = None,
    hops: Annotated[int, typer.Option(min=0, help="How far around it.")] = 1,
    kind: Annotated[list[str] | None, typer.Option(help="Only nodes of this kind.")] = None,
    relation: Annotated[list[str] | None, typer.Option(help="Only this relation.")] = None,
    min_probability: Annotated[
        float, typer.Option(min=0, max=1, help="Only edges that are at least as probable.")
    ] = 0.0,
    predictions: Annotated[
        bool | None,
        typer.Option(help="With predictions; by default those of a whole graph only."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a server's graph, or a part of it, into a graph folder, evidence included."""
    from medkg.access import connect
    from medkg.core.atomic import check_replaceable
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import MANIFEST

    check_replaceable(out, marker=MANIFEST)
    with connect(_existing(uri)) as connection:
        kg = connection.read(
            around or None,
            hops,
            kinds=kind or None,
            relations=relation or None,
            min_probability=min_probability,
            predictions=predictions,
        )
    _save(kg, out, Quarantine(), as_json)


@app.command(epilog="Example: medkg forget --patient patient:x graphs/all")
def forget(
    graph: Annotated[str, typer.Argument(help="A graph folder, or a server by URI.")],
    source: Annotated[list[str] | None, typer.Option(help="A source by its name.")] = None,
    document: Annotated[list[str] | None, typer.Option(help="A document by identifier.")] = None,
    patient: Annotated[list[str] | None, typer.Option(help="A patient by identifier.")] = None,
    as_json: Json = False,
) -> None:
    """Take sources, documents or patients out, evidence first; what others say too stays."""
    from medkg.access import connect, is_uri
    from medkg.graph.forget import forget_in_folder

    asked = {"source": source or (), "document": document or (), "patient": patient or ()}
    if is_uri(graph):
        with connect(_existing(graph)) as connection:
            summary = connection.forget(**asked)
    else:
        summary = forget_in_folder(graph, **asked)
    _print_summary(summary, graph, as_json)


@app.command(epilog="Example: medkg serve server/")
def serve(
    folder: Annotated[Path, typer.Argument(help="Where the embedded server keeps its data.")],
) -> None:
    """Run the embedded server until Ctrl-C, and print its address and password."""
    from medkg.cli import show
    from medkg.graph.store.embedded import serve as start

    server = start(folder)
    try:
        show.pairs({"uri": server.uri, "user": server.user, "password": server.password}, "Serving")
        show.out.print("Ctrl-C stops it.")
        while server.running():
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


@app.command(
    epilog="Example: medkg query drug_target_hypotheses --on embedded:server"
    " --param disease=OMIM:219700"
)
def query(
    name: Annotated[str | None, typer.Argument(help="A query of the library; none: list.")] = None,
    on: Annotated[str | None, typer.Option(help="The server, by URI.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="name=value, as often as needed.")] = None,
    cypher: Annotated[str | None, typer.Option(help="Cypher of your own; it can't write.")] = None,
    as_json: Json = False,
) -> None:
    """Ask the query library, or Cypher of your own, read-only."""
    import polars as pl

    from medkg.access import connect
    from medkg.cli import show
    from medkg.cypher import library

    if name is None and cypher is None:
        listed = pl.DataFrame(
            [
                {
                    "name": found.name,
                    "asks": found.title,
                    "parameters": ", ".join(parameter.name for parameter in found.parameters),
                }
                for found in map(library.get, library.names())
            ]
        )
        return show.as_json(listed) if as_json else show.frame(listed, "Queries")
    if on is None or (name is not None and cypher is not None):
        raise typer.BadParameter("give the server with --on, and a query's name or --cypher")
    parameters = dict(_pair(text) for text in param or ())
    with connect(_existing(on)) as connection:
        if cypher is not None:
            answer = connection.query(cypher, **parameters)
        else:
            assert name is not None
            answer = connection.query(name, **parameters)
    if as_json:
        return show.as_json(answer)
    show.frame(answer, name or "")
    if name is not None and answer.is_empty() and "PREDICTED_" in library.get(name).cypher:
        show.out.print("it asks for predictions: medkg predict … --into writes some")
    return None


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text!r}: write name=value")
    return name, value


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
    from medkg.graph.export import export as export_graph
    from medkg.graph.kg import KnowledgeGraph

    facts = export_graph(KnowledgeGraph.open(graph), out, form, sentences=sentences)
    if as_json:
        return show.as_json(facts)
    show.pairs(facts["counts"], f"{out}: {form}")
    if "command" in facts:
        show.out.print(f"{out}/import.sh imports it, by", markup=False)
        print(facts["command"])
    return None


@app.command(epilog="Example: medkg view graphs/all --around imatinib --hops 2 --out imatinib.html")
def view(
    graph: Annotated[str, typer.Argument(help="A graph folder, or a server by URI.")],
    around: Annotated[list[str], typer.Option(help="Identifier or name; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The HTML page to write.")],
    hops: Annotated[int, typer.Option(min=1, max=4)] = 1,
) -> None:
    """Write a page that shows the subgraph around some entities; it works offline."""
    from medkg.access import view as view_graph
    from medkg.cli import show

    part = view_graph(_existing(graph), around, out, hops=hops)
    show.out.print(f"{out}: {part.nodes.height} nodes, {part.edges.height} edges")


# Models


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
    from medkg.cli import show
    from medkg.core.atomic import check_replaceable
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.links.split import MANIFEST, split_links

    check_replaceable(out, marker=MANIFEST)
    given = _given(how=how, share=share, since=since)
    of_edges = _given(relation=relation, sources=source, without=without, similarity=similarity)
    if cases is not None:
        if of_edges:
            raise typer.BadParameter(f"{', '.join(of_edges)} is for edges, not for --cases")
        return _split_cases(graph, cases, out, given, drop_cited, seed, as_json)
    if drop_cited:
        raise typer.BadParameter("--drop-cited is for --cases")
    made = split_links(KnowledgeGraph.open(graph), seed=seed, **given, **of_edges)
    made.save(out)
    return show.as_json(made.report) if as_json else show.split(made.report, str(out))


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _split_cases(
    graph: Path,
    cases: Path,
    out: Path,
    given: dict[str, Any],
    drop_cited: bool,
    seed: int,
    as_json: bool,
) -> None:
    from medkg.cases import open_cases
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.split import split_cases

    since = str(given.pop("since", "")).removeprefix("PMID:")
    if since:
        if not since.isdigit():
            raise typer.BadParameter("of cases, --since is a PMID, as PMID:34600001")
        given["since"] = int(since)
    aside = Quarantine()
    made = split_cases(
        KnowledgeGraph.open(graph),
        open_cases(cases, aside),
        given.pop("how", "by-date"),
        seed=seed,
        drop_cited=drop_cited,
        **given,
    )
    made.save(out)
    if as_json:
        return show.as_json({**made.report, "set_aside": aside.counts()})
    show.case_split(made.report, str(out))
    return _say_set_aside(aside)


def _print_settings(asked: bool) -> None:
    if asked:
        from medkg.gnn.settings import TABLES, to_toml

        typer.echo(to_toml({name: table() for name, table in TABLES.items()}), nl=False)
        raise typer.Exit


Config = Annotated[Path | None, typer.Option(help="A TOML file of settings; options go before it.")]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config",
        is_eager=True,
        callback=_print_settings,
        help="Print all settings with what they do, as such a file, and end.",
    ),
]


@train.command("links", epilog="Example: medkg train links graphs/all --out models/targets")
def train_links(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    relation: Annotated[
        str | None, typer.Option(help="The relation to predict (default: TARGETS).")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="ranker, network, structure, degree or neighbours (default: ranker; network"
            " with an option of it)."
        ),
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="rgcn, compgcn, hgt or lookup.")] = None,
    decoder: Annotated[
        str | None, typer.Option(help="distmult, complex, transe or rotate.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    split: Annotated[
        Path | None, typer.Option(help="Edges to hold back: a folder of medkg split.")
    ] = None,
    config: Config = None,
    print_config: PrintConfig = False,
    tune: Annotated[
        int | None,
        typer.Option(min=1, help="First try so many settings of the network; see OUT.tuning."),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(help="Join these trained models, weighted on validation; repeat it."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same result (default: 0).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train link prediction; a part of the edges is held back and the figures are printed."""
    if ensemble:
        given = _given(
            relation=relation, model=model, encoder=encoder, decoder=decoder, epochs=epochs,
            split=split, config=config, tune=tune,
        )  # fmt: skip
        if given:
            raise typer.BadParameter(f"{', '.join(given)}: not for --ensemble")
        return _join_models(graph, ensemble, out, seed or 0, as_json)
    from dataclasses import replace

    from medkg.gnn import parallel
    from medkg.gnn.settings import (
        LinkSettings,
        NetworkSettings,
        read_with,
        with_options,
    )
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.links.split import held_back
    from medkg.mining.links.train import train_links as train_model

    chosen = read_with(
        config,
        {
            "links": {"relation": relation, "model": model, "seed": seed},
            "network": {"encoder": encoder, "decoder": decoder, "epochs": epochs},
        },
    )
    links, network = LinkSettings(**chosen["links"]), chosen["network"]
    kg = KnowledgeGraph.open(graph)
    common: dict[str, Any] = {
        "split": None if split is None else held_back(split, kg, links.relation),
        "context_relations": links.context_relations or None,
        "seed": links.seed,
        "device": links.device or None,
    }
    if tune is not None:
        if links.model not in ("", "network"):
            raise typer.BadParameter(f"--tune is for networks; a {links.model} has nothing to tune")
        from medkg.mining.links.tune import tune_links

        best = tune_links(
            kg,
            links.relation,
            tune,
            Path(f"{out}.tuning"),
            settings=with_options(NetworkSettings(), network),
            fixed=network,
            **common,
        )
        network, links = best.options(), replace(links, model="network")
    trained = train_model(
        kg,
        links.relation,
        model=links.model or None,
        out=out,
        graph_path=graph,
        **common,
        **network,
    )
    # Of several processes the first tells.
    return _show_links(trained, out, as_json) if parallel.rank() == 0 else None


def _join_models(graph: Path, members: list[Path], out: Path, seed: int, as_json: bool) -> None:
    from medkg.mining.links.train import ensemble_links

    models = [_link_model(path, str(graph)) for path in members]
    joined = ensemble_links(models, seed=seed, out=out, graph_path=graph)
    if not as_json:
        weights = joined.metrics["training"]["weights"].items()
        typer.echo("weights: " + ", ".join(f"{name} {weight:g}" for name, weight in weights))
    _show_links(joined, out, as_json)


def _show_links(trained: LinkModel, out: Path, as_json: bool) -> None:
    from medkg.cli import show
    from medkg.reports import link_figures

    if as_json:
        return show.as_json(trained.metrics)
    title = f"{out}: held-out {trained.task.edge_type[1]}, tails ranked for each head"
    return show.frame(link_figures(trained.name, trained.metrics), title)


@train.command(
    "embeddings", epilog="Example: medkg train embeddings graphs/all --out models/embeddings"
)
def train_embeddings(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    decoder: Annotated[
        str | None, typer.Option(help="transe, distmult, complex (default) or rotate.")
    ] = None,
    dim: Annotated[int | None, typer.Option(help="Real numbers in a vector.")] = None,
    epochs: Annotated[int | None, typer.Option(help="The most.")] = None,
    config: Config = None,
    print_config: PrintConfig = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, …")] = "cpu",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train embeddings of all relations of a graph at once; one edge in a hundred is held back."""
    from medkg.cli import show
    from medkg.gnn.embeddings.model import train_embeddings as train_model
    from medkg.gnn.settings import EmbeddingSettings, read_with
    from medkg.graph.kg import KnowledgeGraph
    from medkg.reports import embedding_figures

    given = {"embeddings": {"decoder": decoder, "dim": dim, "epochs": epochs}}
    settings = EmbeddingSettings(**read_with(config, given)["embeddings"])
    trained = train_model(
        KnowledgeGraph.open(graph), settings, seed=seed, out=out, graph_path=graph, device=device
    )
    if as_json:
        show.as_json(trained.metrics)
    else:
        show.frame(
            embedding_figures(settings.decoder, trained.metrics), f"{out}: held-out, both sides"
        )


@train.command(
    "diagnosis", epilog="Example: medkg train diagnosis graphs/hpo --out models/diagnosis"
)
def train_diagnosis(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str,
        typer.Option(
            help="ranker, or alone: gnn, mlp, logistic, conditional, nearest, naive_bayes, resnik,"
            " lin, phrank."
        ),
    ] = "ranker",
    cases: Annotated[
        Path | None,
        typer.Option(
            help="Patients to learn from too: phenopackets, a graph folder, or a TSV with the"
            " columns case, phenotypes, diseases."
        ),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train diagnosis as node classification: which disease a patient's node belongs to."""
    from medkg.cases import open_cases
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.train import train_diagnosis as train_model
    from medkg.reports import diagnosis_figures

    aside = Quarantine()
    trained = train_model(
        KnowledgeGraph.open(graph),
        model=model,
        cases=None if cases is None else open_cases(cases, aside),
        seed=seed,
        out=out,
        graph_path=graph,
    )
    if as_json:
        show.as_json({**trained.metrics, "set_aside": aside.counts()})
        return
    figures = diagnosis_figures(trained.metrics)
    shown = ("model", "precision", "recall", "f1", "top_1", "top_3", "top_10", "mrr_95")
    show.frame(figures.select(shown), f"{out}: {figures['n'][0]:,} held-out simulated patients")
    show.out.print(
        "Simulated patients are made from annotations, which flatters models of annotations alone;"
        " medkg evaluate diagnosis measures on real cases."
    )
    _say_set_aside(aside)


@train.command(
    "treatment", epilog="Example: medkg train treatment graphs/all --out models/treatment"
)
def train_treatment(
    graph: Annotated[Path, typer.Argument(help="A graph folder with treatments.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str,
        typer.Option(help="hybrid, or a member alone: popularity, content, collaborative, links."),
    ] = "hybrid",
    split: Annotated[
        Path | None, typer.Option(help="Edges to hold back: a folder of medkg split.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train what ranks drugs for a disease; a part of the treatments is held back and tested."""
    from medkg.cli import show
    from medkg.cli.recommend import training_figures
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.links.split import held_back
    from medkg.mining.treatment.model import RELATION
    from medkg.mining.treatment.train import train_treatment as train_model

    kg = KnowledgeGraph.open(graph)
    parts = None if split is None else held_back(split, kg, RELATION)
    trained = train_model(kg, model=model, seed=seed, split=parts, out=out, graph_path=graph)
    if as_json:
        return show.as_json({"weights": trained.weights, **trained.metrics})
    show.frame(training_figures(trained.metrics), f"{out}: held-out treatments of diseases")
    weights = ", ".join(f"{name} {weight:.1f}" for name, weight in trained.weights.items())
    return show.out.print(f"weights, chosen on validation: {weights}", markup=False)


@app.command(epilog="Example: medkg predict models/targets --head imatinib --top 10")
def predict(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train links).")],
    head: Annotated[str | None, typer.Option(help="Identifier or name of the head.")] = None,
    tail: Annotated[str | None, typer.Option(help="Identifier or name of the tail.")] = None,
    smiles: Annotated[str | None, typer.Option(help="A molecule instead of a head.")] = None,
    inchi: Annotated[str | None, typer.Option(help="The same, as InChI.")] = None,
    top: Top = 20,
    trained: Annotated[
        bool, typer.Option("--trained", help="Rank the pairs that training used, too.")
    ] = False,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    into: Annotated[str | None, typer.Option(help="Write them to this server too.")] = None,
    as_json: Json = False,
) -> None:
    """Rank the tails of a head (or heads of a tail), with probability and explanation."""
    from medkg.cli import show

    if sum(given is not None for given in (head, tail, smiles, inchi)) != 1:
        raise typer.BadParameter("give --head, --tail, --smiles or --inchi")
    loaded = _link_model(model, graph)
    if structure := smiles or inchi:
        if into is not None:
            raise typer.BadParameter("--into is for --head and --tail: a molecule is no node")
        return _predict_molecule(loaded, structure, top, trained, as_json)
    rows = loaded.predict(head=head, tail=tail, top=top, include_trained=trained)
    base = loaded.calibrations["head" if head is None else "tail"].base_rate
    if as_json:
        show.as_json([{**row, "base_rate": base} for row in rows.to_dicts()])
    else:
        show.frame(rows, f"{loaded.task.edge_type[1]} of {head or tail}", most=rows.height)
        left_out = "" if trained else "; pairs that training used are left out, see --trained"
        show.out.print(
            "probability: that a source records the pair, or will; of the first 100 candidates of a"
            f" query {base:.2g} were (the base rate){left_out}"
        )
        if unranked := rows["rank"].null_count():
            show.out.print(
                f"{unranked} known pairs, the last, have no rank: training used them, and the model"
                " doesn't rank them, since nothing spoke for them while they were held back"
            )
    if into is not None:
        from medkg.access import connect

        direction, asked = ("tail", head) if head is not None else ("head", tail)
        today = date.today().isoformat()
        found = loaded.predictions([str(asked)], top, date=today, direction=direction)
        ends = found["head"].to_list() + found["tail"].to_list()
        # No others of the graph's predictions: a part of a model's answer would replace the whole.
        part = loaded.graph.subgraph(ends, relations=[]).with_predictions(found)
        with connect(into) as connection:
            written = connection.write(part)
        if not as_json:
            _print_summary(written, into, as_json=False)
    return None


def _predict_molecule(
    model: LinkModel, structure: str, top: int, trained: bool, as_json: bool
) -> None:
    import polars as pl

    from medkg.cli import show
    from medkg.core.calibration import FIRST
    from medkg.mining.molecules.screen import NO_LIGAND, part_of, targets_of

    asked = targets_of(model, structure, top, include_trained=trained)
    base = part_of(model).calibration.base_rate
    if as_json:
        held = [{"id": node, "name": name} for node, name in asked.held]
        return show.as_json(
            {
                "smiles": asked.smiles,
                "held": held,
                "base_rate": base,
                "left_out": asked.left_out,
                "predictions": asked.rows.to_dicts(),
            }
        )
    rows = asked.rows.with_columns(pl.col("ligands").fill_null(NO_LIGAND))
    show.frame(rows, f"{model.task.edge_type[1]} of {asked.smiles}", most=rows.height)
    held_as = ", ".join(f"{name} ({node})" for node, name in asked.held)
    held_as = f"the graph holds it: {held_as}" if held_as else "the graph doesn't hold it"
    past = ""
    if asked.rows.height > FIRST:
        past = "; past them it goes on along the same curve, which was not judged there"
    left_out = ""
    if asked.left_out:
        left_out = f"; {asked.left_out} pairs that training used are left out, see --trained"
    return show.out.print(
        f"{held_as}; by structure alone. Probability: that a source records the pair; of a"
        f" molecule's first {FIRST} targets {base:.2g} are (the base rate){past}{left_out}",
        markup=False,
    )


@app.command(
    epilog="Example: medkg screen models/targets --target KIT --library molecules.smi --top 100"
)
def screen(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train links).")],
    target: Annotated[str, typer.Option(help="Identifier or name of the target.")],
    library: Annotated[Path, typer.Option(help="Molecules: .smi, .csv, .tsv, .sdf; .gz or not.")],
    top: Top = 100,
    diverse: Annotated[
        bool, typer.Option("--diverse", help="The best of each series of alike molecules only.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="HTML page to write, with pictures.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: one a processor.")
    ] = None,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    as_json: Json = False,
) -> None:
    """Rank a library of molecules for a target by structure alone; drug-likeness of the best."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.mining.molecules.screen import NO_LIGAND, part_of
    from medkg.mining.molecules.screen import screen as screen_library

    aside = Quarantine()
    loaded = _link_model(model, graph)
    found = screen_library(
        loaded, target, library, top=top, diverse=diverse, workers=workers, quarantine=aside
    )
    base = part_of(loaded).calibration.base_rate
    if out is not None:
        from medkg.mining.molecules.screen_page import write_page

        write_page(found, out, library.name, loaded.name, base)
    if as_json:
        return show.as_json(
            {
                "target": found.target,
                "target_name": found.target_name,
                "model": loaded.name,
                "base_rate": base,
                "counts": found.counts,
                "molecules": found.rows,
                "set_aside": [row.__dict__ for row in aside.rows[:1000]],
            }
        )
    shown = pl.DataFrame(found.rows, infer_schema_length=None).select(
        "rank", "name", "smiles", "probability", "nearest_name", "nearest_similarity", "known",
        "series", "qed", "lipinski", "alerts",
    ).with_columns(pl.col("nearest_name").fill_null(NO_LIGAND))  # fmt: skip
    show.frame(shown, f"{library.name} for {found.target_name} ({found.target})", most=20)
    counts = found.counts
    show.out.print(
        f"{counts['ranked']:,} molecules ranked, {counts['duplicates']:,} duplicates,"
        f" {counts['invalid']:,} set aside; probability at a base rate of {base:.2g}"
    )
    _say_set_aside(aside)
    if out is not None:
        show.out.print(f"{out}: the best {len(found.rows):,} with pictures", markup=False)
    return None


@app.command(epilog="Example: medkg explain models/targets --head imatinib --tail KIT")
def explain(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train links).")],
    head: Annotated[str, typer.Option(help="Identifier or name.")],
    tail: Annotated[str, typer.Option(help="Identifier or name.")],
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    as_json: Json = False,
) -> None:
    """The paths and the evidence behind one prediction."""
    from medkg.cli import show

    explanation = _link_model(model, graph).explain(head, tail)
    if as_json:
        show.as_json(explanation.to_dict())
    else:
        show.out.print(str(explanation), markup=False)


# How a model of each kind is asked.
_ASKED_BY = {
    "links": "by medkg predict",
    "diagnosis": "by medkg diagnose",
    "treatment": "by medkg recommend",
    "embeddings": "in Python, by medkg.gnn.embeddings.model.load_embeddings",
}


def _model_for(kind: str, path: Path, graph: str | None) -> Any:
    from medkg.access import load_model, model_kind
    from medkg.core.errors import ModelError

    found = model_kind(path)
    if found != kind:
        use = f"; it is asked {_ASKED_BY[found]}" if found in _ASKED_BY else ""
        raise ModelError(f"{path}: is a model for {found}, not for {kind}{use}")
    return load_model(path, graph)


def _link_model(path: Path, graph: str | None) -> LinkModel:
    model: LinkModel = _model_for("links", path, graph)
    return model


def _diagnosis_model(path: Path, graph: str | None) -> DiagnosisModel:
    model: DiagnosisModel = _model_for("diagnosis", path, graph)
    return model


@app.command(
    epilog="Example: medkg diagnose models/diagnosis --symptom Seizure --symptom HP:0001252"
)
def diagnose(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train diagnosis).")],
    symptom: Annotated[
        list[str] | None,
        typer.Option(help="One that is seen, alone or beside what is read: identifier or name."),
    ] = None,
    absent: Annotated[
        list[str] | None,
        typer.Option(help="One that was looked for and not found; counts before what is read."),
    ] = None,
    note: Annotated[Path | None, typer.Option(help="A clinical note, read for phenotypes.")] = None,
    phenopacket: Annotated[
        Path | None, typer.Option(help="A GA4GH phenopacket, or a folder or tar archive of them.")
    ] = None,
    findings_from: Annotated[
        Path | None, typer.Option(help="Findings of --findings, as you corrected them.")
    ] = None,
    findings: Annotated[
        Path | None, typer.Option(help="Of --note: write what was read here (TSV), to be edited.")
    ] = None,
    correct: Annotated[
        bool, typer.Option("--review", help="Of --note: go through what was read, one by one.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Be asked for what would narrow the list most.")
    ] = False,
    gene: Annotated[
        list[str] | None, typer.Option(help="A candidate gene: raises diseases it is tied to.")
    ] = None,
    onset: Annotated[
        str | None, typer.Option(help="Of the disease: an HPO term (Childhood onset) or age (P3Y).")
    ] = None,
    sex: Sex = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="Show each phenotype's weight, frequency, sources.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="Picture to write (HTML): phenotypes by diseases.")
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="Write patient and diagnoses to this server too.")
    ] = None,
    pseudonyms: Annotated[
        str | None,
        typer.Option(help="Of --into: a secret (16-64 characters) or @FILE; default: at random."),
    ] = None,
    called: Annotated[
        str | None,
        typer.Option("--as", help="Of --pseudonyms: the patient's identifier in the source."),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="How surely the disease is in the set that is given. [default: 0.9]"),
    ] = None,
    top: Top = 10,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    as_json: Json = False,
) -> None:
    """Rank diseases for phenotypes, a note or phenopackets. For research, not for care."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.errors import DataError, ModelError
    from medkg.core.quarantine import Quarantine
    from medkg.diagnose import (
        NO_FINDING,
        Patient,
        diagnose_all,
        kept,
        of_texts,
        patients_of,
        read_findings,
    )
    from medkg.mining.diagnosis.circumstances import Circumstances

    origins = sum(origin is not None for origin in (note, phenopacket, findings_from))
    typed = (symptom or (), absent or ())
    if origins > 1 or (origins == 0 and not symptom):
        raise typer.BadParameter(
            "give --symptom, or one of --note, --phenopacket and --findings-from (--symptom and"
            " --absent then add to it)"
        )
    if findings and any(typed):
        raise typer.BadParameter("--findings writes what was read; add to the table itself")
    if (findings or correct) and note is None:
        raise typer.BadParameter("--findings and --review go with --note")
    given = Circumstances(tuple(gene or ()), onset, sex)
    if into is not None and given:
        raise typer.BadParameter("--into writes what follows from phenotypes alone")
    if pseudonyms is not None and into is None:
        raise typer.BadParameter("--pseudonyms goes with --into")
    if called is not None and (pseudonyms is None or phenopacket is not None):
        raise typer.BadParameter(
            "--as goes with --pseudonyms, and with no phenopacket, which has its own identifier"
        )
    if pseudonyms is not None and phenopacket is None and not (called or "").strip():
        raise typer.BadParameter(
            "--pseudonyms makes the same pseudonym of the same identifier, and this patient has"
            " none: give with --as the identifier in the source, or leave --pseudonyms out for one"
            " at random"
        )
    if coverage is not None and not 0 < coverage < 1:
        raise typer.BadParameter(f"--coverage is between 0 and 1, not {coverage:g}")
    if (ask or correct) and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise DataError("--ask and --review need a terminal; leave them out, or use --findings")
    loaded = _diagnosis_model(model, graph)
    if coverage is not None and loaded.open_set is None:
        raise ModelError(
            f"{model}: gives no set for --coverage: it is no ranker, its graph has too few diseases"
            " and it too few known patients (medkg train diagnosis --cases), or it is used with"
            " another graph; leave --coverage out"
        )
    aside = Quarantine()
    read: list[dict[str, Any]] = []
    if phenopacket is not None:
        patients = patients_of(phenopacket, loaded.kg, aside, typed)
        if len(patients) > 1 and (ask or given or explained or page):
            raise DataError(
                f"has {len(patients)} patients: --ask, --gene, --onset, --sex, --explain and --page"
                " are for one",
                path=phenopacket,
            )
    else:
        if note is not None:
            table = _read_note(loaded, note, correct)
            if findings is not None:
                return _write_findings(table, findings, note, as_json)
            # What nothing was found in is for the eyes of who has the note (a letter's head).
            read = table.filter(pl.col("context") != NO_FINDING).to_dicts()
            if not as_json:
                show.findings(table)
            found = kept(table, loaded.kg, typed)
        elif findings_from is not None:
            found = read_findings(findings_from, loaded.kg, typed)
        else:
            found = of_texts(loaded.kg, *typed)
        origin = note or findings_from
        own = called or ("patient" if origin is None else origin.stem)
        patients = [Patient(own.strip(), found)]
    if ask:
        patients = [_asked(loaded, patients[0], given, top)]
    results = diagnose_all(loaded, patients, aside, top=top, circumstances=given, coverage=coverage)
    _say_set_aside(aside)
    if not results:
        raise DataError("no phenotype is left that the model knows")
    ranked = {result["patient"] for result in results}
    usable = [patient for patient in patients if patient.id in ranked]
    written = _into_graph(loaded, usable, into, pseudonyms, top) if into is not None else None
    for case in results:
        case["written_as"] = None if written is None else written[case["patient"]]
    if note is not None:
        results[0]["read"] = read
    if explained or page is not None:  # of one patient
        why = loaded.explain(
            results[0]["present"],
            results[0]["excluded"],
            diseases=[row["disease"] for row in results[0]["diagnoses"]],
            circumstances=given,
        )
        results[0]["explanation"] = why.to_dicts()
    if page is not None:
        from medkg.mining.diagnosis.model import diagnoses_frame
        from medkg.mining.diagnosis.page import write_page

        rows = diagnoses_frame(results[0]["diagnoses"])
        write_page(rows, why, page, loaded.name, loaded.kg)
    if as_json:
        return show.as_json({"cases": results, "set_aside": [row.__dict__ for row in aside.rows]})
    if len(patients) > 1:
        return show.cases(results)
    show.diagnosis(results[0], loaded.names)
    if explained:
        show.explanation(why)
    if page is not None:
        show.out.print(f"{page}: phenotypes by diseases", markup=False)
    return None


def _read_note(model: DiagnosisModel, note: Path, correct: bool) -> pl.DataFrame:
    """The findings of a note, as a person corrected them if asked for."""
    from medkg.cli import show
    from medkg.diagnose import findings_in_note, reviewed

    found = findings_in_note(note, model.kg)
    return reviewed(found, model.kg, show.ask_of_finding) if correct else found


def _write_findings(found: pl.DataFrame, path: Path, note: Path, as_json: bool) -> None:
    from medkg.cli import show
    from medkg.diagnose import write_findings

    write_findings(found, path)
    if as_json:
        return show.as_json({"written": str(path), "findings": found.height})
    return show.out.print(
        f"{path}: {found.height} findings of {note.name}; correct the column keep (yes, no, drop)"
        " or phenotype, then medkg diagnose MODEL --findings-from it",
        markup=False,
    )


def _asked(model: DiagnosisModel, patient: Patient, given: Circumstances, top: int) -> Patient:
    from dataclasses import replace

    from medkg.cli import show
    from medkg.diagnose import dialogue

    findings = dialogue(model, patient.findings, show.ask_for, top=top, circumstances=given)
    return replace(patient, findings=findings)


def _into_graph(
    model: DiagnosisModel, patients: list[Patient], uri: str, key: str | None, top: int
) -> dict[str, str]:
    """Write patients to a server; what each is called there, by its own identifier."""
    from medkg.access import connect
    from medkg.cli import show
    from medkg.diagnose import as_graph, pseudonym

    named = {pseudonym(key, patient.id): patient for patient in patients}
    with connect(uri) as connection:
        written = connection.write(as_graph(named, model, top))
    show.err.print(f"{uri}: {written}", markup=False)
    return {patient.id: identifier for identifier, patient in named.items()}


@app.command(
    epilog="Example: medkg recommend models/treatment --disease hypertension --taking warfarin"
)
def recommend(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train treatment).")],
    disease: Annotated[
        list[str] | None, typer.Option(help="To treat: identifier or name; repeatable.")
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(help="A patient of the graph: diseases, findings, drugs, allergies."),
    ] = None,
    symptom: Annotated[list[str] | None, typer.Option(help="That the patient has.")] = None,
    taking: Annotated[list[str] | None, typer.Option(help="A current drug.")] = None,
    allergic: Annotated[
        list[str] | None,
        typer.Option(help="A drug, or class of drugs, that the patient is allergic to."),
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="Another disease of the patient, not to be treated.")
    ] = None,
    age: Annotated[float | None, typer.Option(help="In years.")] = None,
    sex: Sex = None,
    pregnant: Annotated[
        bool | None,
        typer.Option("--pregnant/--not-pregnant", help="Default: not known, so not checked."),
    ] = None,
    top: Top = 10,
    into: Annotated[
        str | None, typer.Option(help="Write the diseases' hypotheses to this server too.")
    ] = None,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    as_json: Json = False,
) -> None:
    """Drugs for a disease or a patient, with what speaks against each. For research, not for care.

    Known treatments, hypotheses, and what must not be given, each with its evidence; and what
    could not be checked.
    """
    from medkg.cli import show
    from medkg.cli.recommend import print_recommendation, write_back

    loaded = _treatment_model(model, graph)
    found = loaded.recommend(
        disease or (),
        symptoms=symptom or (),
        taking=taking or (),
        allergic=allergic or (),
        also=also or (),
        age=age,
        sex=sex,
        pregnant=pregnant,
        patient=patient,
        top=top,
    )
    if as_json:
        show.as_json(found.to_dict())
    else:
        print_recommendation(found)
    if into is not None:
        written = write_back(loaded, found, top, into)
        if not as_json:
            _print_summary(written, into, as_json=False)


def _treatment_model(path: Path, graph: str | None) -> TreatmentModel:
    model: TreatmentModel = _model_for("treatment", path, graph)
    return model


# Shared


def _save(kg: KnowledgeGraph, out: Path, aside: Quarantine, as_json: bool) -> None:
    from medkg.cli import show

    summary = _write(kg, out, aside)
    if as_json:
        show.as_json(summary)
    else:
        _print_written(summary)


def _write(kg: KnowledgeGraph, out: Path, aside: Quarantine) -> dict[str, Any]:
    """Save a graph, and beside it the rows that were set aside; what was written."""
    kg.save(out)
    quarantine = out.with_name(f"{out.name}.quarantine.jsonl")
    if len(aside):
        aside.save(quarantine)
    else:
        quarantine.unlink(missing_ok=True)
    return {
        "written": str(out),
        **{name: kg.counts[name] for name in ("nodes", "edges", "evidence")},
        "set_aside": aside.counts(),
        "quarantine": str(quarantine) if len(aside) else None,
    }


def _print_written(summary: dict[str, Any]) -> None:
    from medkg.cli import show

    show.out.print(
        f"{summary['written']}: {summary['nodes']:,} nodes, {summary['edges']:,} edges,"
        f" {summary['evidence']:,} pieces of evidence"
    )
    if summary["set_aside"]:
        counts = ", ".join(f"{count} {reason}" for reason, count in summary["set_aside"].items())
        show.out.print(f"set aside: {counts}; see {summary['quarantine']}", markup=False)


def _existing(uri: str) -> str:
    """A server to read from: an embedded one whose folder is not there is a slip, not a new one."""
    from medkg.core.errors import StoreError

    if uri.startswith("embedded:") and not Path(uri.removeprefix("embedded:")).is_dir():
        raise StoreError(f"{uri}: there is no such folder; medkg write --into makes one")
    return uri


def _print_summary(summary: Any, where: str, as_json: bool) -> None:
    from medkg.cli import show

    if as_json:
        show.as_json(summary.as_dict())
    else:
        show.out.print(f"{where}: {summary}", markup=False)


Sibling = Annotated[
    Path | None,
    typer.Option(
        help="Train on what is held out too, and state the figures of this model, which was trained"
        " in the same way without it (mentions: of the bilstm)."
    ),
]


@train.command("ner", epilog="Example: medkg train ner corpora/ --out models/ner")
def train_ner(
    corpora: Annotated[
        Path, typer.Argument(help="Annotated text: a file, or a folder of one corpus or several.")
    ],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str, typer.Option(help="bilstm, crf, spacy, or a Hugging Face encoder (name or folder).")
    ] = "bilstm",
    held_out: Annotated[
        float, typer.Option(help="Part of the documents to score on, where no file says which.")
    ] = 0.2,
    label: LabelKinds = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Default 8; with an encoder at most 10, or 20 of LoRA; spacy 15."),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Of a network's encoder; default 3e-3 (bilstm), 5e-5, or 5e-4 (LoRA)."),
    ] = None,
    teachers: Annotated[
        int,
        typer.Option(
            min=0,
            help="For the bilstm: train so many others first, and teach it what they say beside the"
            " annotations; each takes as long as the model itself.",
        ),
    ] = 0,
    names: Annotated[
        list[Path] | None,
        typer.Option(help="For the bilstm: a graph whose names it learns; may be given again."),
    ] = None,
    sibling: Sibling = None,
    lora: Lora = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a recogniser of mentions: the default's network, a baseline, or any encoder."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.extract.mentions.train import train_ner as train_model
    from medkg.graph.kg import KnowledgeGraph
    from medkg.reports import ner_figures

    aside = Quarantine()
    metrics = train_model(
        corpora,
        out,
        model=model,
        seed=seed,
        epochs=epochs,
        learning_rate=learning_rate,
        teachers=teachers,
        names=[KnowledgeGraph.open(path) for path in names or []],
        lora=lora,
        held_out=held_out,
        labels=_label_kinds(label),
        sibling=sibling,
        quarantine=aside,
    )
    title = f"Mentions: {sibling or out}"
    show.as_json(metrics) if as_json else show.frame(ner_figures(metrics), title)
    if not any(kinds["micro"]["predicted"] for kinds in metrics.values()):
        show.err.print(
            "It finds nothing in what was held out. A network needs hundreds of documents: train it"
            " beside the public corpora, or use --model crf, which learns from a few.",
            markup=False,
        )
    _say_set_aside(aside)


def _label_kinds(given: list[str] | None) -> dict[str, str | None]:
    from medkg.core.errors import DataError

    kinds: dict[str, str | None] = {}
    for text in given or []:
        label, sign, kind = text.rpartition("=")
        if not sign or not label:
            raise DataError(f"--label {text}: give LABEL=KIND, or LABEL= to leave a label out")
        kinds[label] = kind or None
    return kinds


_NAMED = 5  # of what is set aside for one reason


def _say_set_aside(aside: Quarantine) -> None:
    from medkg.cli import show

    places: dict[str, dict[str, None]] = {reason: {} for reason in aside.counts()}
    for row in aside.rows:  # the first ones
        if len(places[row.reason]) < _NAMED:
            where = row.path if row.line is None else f"{row.path}, line {row.line}"
            places[row.reason][where] = None
    for reason, number in aside.counts().items():
        listed = "; ".join(places[reason])
        more = "; …" if number > len(places[reason]) else ""
        where = f" ({listed}{more})" if listed else ""
        show.err.print(f"set aside: {number:,} × {reason}{where}", markup=False, soft_wrap=True)


@train.command("relations", epilog="Example: medkg train relations corpora/ --out models/relations")
def train_relations(
    corpora: Annotated[Path, typer.Argument(help="Folder of annotated corpora.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    corrections: Annotated[
        Path | None,
        typer.Option(help="Documents that a person corrected, of Doccano or brat, to learn too."),
    ] = None,
    encoder: Encoder = None,
    recogniser: Annotated[
        Path | None,
        typer.Option(help="The bilstm to read with, a folder of train ner; default: medkg's."),
    ] = None,
    sibling: Sibling = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Default 8; with an encoder at most 6, or 12 of LoRA.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the encoder; default 3e-5, or 5e-4 with LoRA.")
    ] = None,
    lora: Lora = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train the classifier of relations: as medkg's own was, or with any encoder."""
    from medkg.cli import show
    from medkg.core.atomic import json_object
    from medkg.extract.relations.train import train_relations as train_model

    metrics = train_model(
        corpora,
        out,
        seed=seed,
        epochs=epochs,
        encoder=encoder,
        learning_rate=learning_rate,
        lora=lora,
        corrections=corrections,
        recogniser=recogniser,
        sibling=sibling,
    )
    show.as_json(metrics) if as_json else show.pairs(metrics, str(sibling or out))
    if seen := (json_object(out / "config.json") or {}).get("reader_seen"):
        show.err.print(
            f"targets is read with a recogniser that was trained on {seen:,} of the documents that"
            " it is measured on: its figure is too good. Give one that wasn't by --recogniser.",
            markup=False,
        )


@evaluate.command("ner", epilog="Example: medkg evaluate ner --corpus CDR.PubTator.txt")
def evaluate_ner(
    corpus: Annotated[Path, typer.Option(help="An annotated corpus.")],
    corpus_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="pubtator, ncbi, chemprot, bc2gm, brat, conll, spacy, jsonl; default: as it looks",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model as for extract, or default; several: beside each other."),
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="Score what the model learnt from this corpus alone.")
    ] = None,
    label: LabelKinds = None,
    as_json: Json = False,
) -> None:
    """Strict precision, recall and F1 of mentions, with intervals over documents."""
    from medkg.core.quarantine import Quarantine
    from medkg.extract.mentions.evaluate import evaluate_ner as evaluate_models

    aside = Quarantine()
    rows = evaluate_models(
        model or [None],
        corpus,
        corpus_format,
        head=head,
        labels=_label_kinds(label),
        quarantine=aside,
    )
    _show_scores(rows, f"Mentions in {corpus.name}", as_json)
    _say_set_aside(aside)


def _show_scores(rows: Any, title: str, as_json: bool) -> None:
    """Scores, and a word about those of documents that the model was trained on."""
    from medkg.cli import show

    if as_json:
        show.as_json(rows)
    else:
        show.frame(rows.drop("trained_on", strict=False), title)
    if "trained_on" not in rows.columns:
        return
    names = ["model"] if "model" in rows.columns else []
    for *model, seen, documents in (
        rows.select(*names, "trained_on", "documents").unique(maintain_order=True).iter_rows()
    ):
        if seen:
            show.err.print(
                f"{model[0] if model else 'The model'} was trained on {seen:,} of these"
                f" {documents:,} documents; its figures say what it remembers of them, not what it"
                " finds in others (for that see its CARD.md).",
                markup=False,
            )


@evaluate.command("relations", epilog="Example: medkg evaluate relations --corpus CDR.PubTator.txt")
def evaluate_relations(
    corpus: Annotated[Path, typer.Option(help="A corpus of relations with their mentions.")],
    corpus_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="pubtator, brat, chemprot, jsonl; default: as it looks. Else roam; labels: medkg's"
            " own, in a folder of corpora.",
        ),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="A model folder; default: medkg's.")] = None,
    label: LabelKinds = None,
    as_json: Json = False,
) -> None:
    """Precision, recall and F1 of relations, beside taking every pair."""
    from medkg.core.quarantine import Quarantine
    from medkg.extract.relations.evaluate import evaluate_relations as evaluate_model
    from medkg.extract.relations.evaluate_labels import evaluate_labels

    aside = Quarantine()
    if corpus_format == "labels":
        rows = evaluate_labels(corpus, model=model)
    else:
        rows = evaluate_model(
            model, corpus, corpus_format, labels=_label_kinds(label), quarantine=aside
        )
    _show_scores(rows, f"Relations in {corpus.name}", as_json)
    _say_set_aside(aside)


Names = Annotated[
    list[Path] | None,
    typer.Option(
        help="Names come from this annotated text or graph folder; may be given again. Default:"
        " what extract links to."
    ),
]


def _names(given: list[Path] | None) -> list[Path | KnowledgeGraph]:
    from medkg.access import default_terminology

    return [*given] if given else [default_terminology()]


@evaluate.command(
    "linking", epilog="Example: medkg evaluate linking --names CDR_train.txt --corpus CDR_dev.txt"
)
def evaluate_linking(
    corpus: Annotated[Path, typer.Option(help="The part to score on.")],
    names: Names = None,
    corpus_format: Annotated[
        str | None, typer.Option("--format", help="pubtator, ncbi, brat; default: as it looks")
    ] = None,
    label: LabelKinds = None,
    as_json: Json = False,
) -> None:
    """Accuracy, recall@k, NIL and calibration of links, beside looking up the exact name."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.extract.linking.evaluate import evaluate_linking as evaluate_linker

    aside = Quarantine()
    rows = evaluate_linker(
        _names(names), corpus, corpus_format, labels=_label_kinds(label), quarantine=aside
    )
    if as_json:
        show.as_json(rows)
    else:
        show.frame(rows.drop("nameless"), f"Links in {corpus.name}")
        nameless = sorted({name for names_ in rows["nameless"] for name in names_})
        if nameless:
            more = "; …" if len(nameless) > _NAMED else ""
            show.err.print(
                f"{len(nameless):,} identifiers have no name in the dictionary, and what has them"
                f" counts as missed ({'; '.join(nameless[:_NAMED])}{more}); --json lists all",
                markup=False,
            )
    _say_set_aside(aside)


ReadingModel = Annotated[
    str | None, typer.Option("--model", help="A recogniser's folder or name; default: medkg's.")
]
RelationsModel = Annotated[
    Path | None,
    typer.Option("--relations-model", help="A relation model's folder; default: medkg's."),
]


@evaluate.command(
    "triples", epilog="Example: medkg evaluate triples --names CDR_train.txt --corpus CDR_dev.txt"
)
def evaluate_triples(
    corpus: Annotated[Path, typer.Option(help="PubTator with chemical-induced diseases.")],
    names: Names = None,
    model: ReadingModel = None,
    relations_model: RelationsModel = None,
    as_json: Json = False,
) -> None:
    """Precision and recall of Drug CAUSES Disease read from plain text, over thresholds."""
    from medkg.extract.linking.evaluate_triples import evaluate_triples as evaluate_reading

    rows = evaluate_reading(_names(names), corpus, model=model, relations_model=relations_model)
    _show_scores(rows, f"Triples in {corpus.name}", as_json)


@evaluate.command("context", epilog="Example: medkg evaluate context")
def evaluate_context(
    corpus: Annotated[
        Path | None,
        typer.Argument(help="MACCROBAT, or texts with gold.jsonl; default: medkg's sentences."),
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="dev, test; of MACCROBAT train, dev. Default: the last.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Negated, possible, hypothetical, historical, family: beside NegEx."""
    from medkg.cli import show
    from medkg.extract.context.evaluate import evaluate_context as evaluate_said

    rows = evaluate_said(corpus, part)
    show.as_json(rows) if as_json else show.frame(rows, "Context of mentions")


@evaluate.command("notes", epilog="Example: medkg evaluate notes")
def evaluate_notes(
    folder: Annotated[
        Path | None, typer.Argument(help="Texts and gold.jsonl; default: those of medkg.")
    ] = None,
    graph: Annotated[
        str | None, typer.Option(help="Link to this graph's entities (folder or URI).")
    ] = None,
    model: ReadingModel = None,
    relations_model: RelationsModel = None,
    as_json: Json = False,
) -> None:
    """The whole way from text to relations, on annotated notes."""
    from importlib.resources import as_file, files

    from medkg.access import default_terminology
    from medkg.access import read as read_graph
    from medkg.cli import show
    from medkg.extract.evaluate_text import evaluate_notes as evaluate_model
    from medkg.extract.pipeline import build_pipeline

    terminology = default_terminology() if graph is None else read_graph(graph)
    pipeline = build_pipeline(terminology, ner_model=model, relations_model=relations_model)
    with as_file(files("medkg").joinpath("data/notes")) as own:
        rows = evaluate_model(folder or own, pipeline, terminology)
    show.as_json(rows) if as_json else show.frame(rows, "Annotated notes")


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
    from medkg.mining.links.evaluate import evaluate_model
    from medkg.reports import link_evaluation

    report = evaluate_model(
        _link_model(model, graph), edges=edges, split=split, allow_leaks=allow_leaks, seed=seed
    )
    if as_json:
        return show.as_json(report)
    for title, rows in link_evaluation(report):
        show.frame(rows, title)
    return show.leaks(report)


@evaluate.command(
    "diagnosis", epilog="Example: medkg evaluate diagnosis models/diagnosis --cases cases.tar.xz"
)
def evaluate_diagnosis(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train diagnosis).")],
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
    """Figures of diagnosis on patients, Resnik beside; refused if the model knows the cases."""
    from medkg.cases import open_cases
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.mining.diagnosis.evaluate import evaluate_diagnosis as evaluate_model
    from medkg.reports import diagnosis_evaluation

    aside = Quarantine()
    asked = open_cases(cases, aside)
    if not as_json:  # before anything is refused
        _say_set_aside(aside)
    report = evaluate_model(
        _diagnosis_model(model, graph),
        asked,
        use_excluded=use_excluded,
        allow_leaks=allow_leaks,
        seed=seed,
    )
    if as_json:
        set_aside = [row.__dict__ for row in aside.rows]
        return show.as_json({"cases": str(cases), **report, "set_aside": set_aside})
    for title, rows in diagnosis_evaluation(report):
        show.frame(rows, title)
    return show.case_evaluation(report)


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
    from medkg.cli.recommend import below_members, evaluation_tables
    from medkg.core.quarantine import Quarantine
    from medkg.mining.treatment.evaluate import evaluate_treatment as evaluate_model

    aside = Quarantine()
    report = evaluate_model(
        _treatment_model(model, graph),
        edges=edges,
        split=split,
        allow_leaks=allow_leaks,
        seed=seed,
        quarantine=aside,
    )
    _say_set_aside(aside)
    if as_json:
        return show.as_json(report)
    for title, rows in evaluation_tables(report):
        show.frame(rows, title)
    found = report["leaks"]
    show.out.print(f"leaks: {found['leaked']:,} of {found['pairs']:,} pairs")
    for warning in below_members(report):
        show.out.print(f"warning: {warning}")
    return None
