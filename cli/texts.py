"""Commands that read clinical text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from medkg.cli.app import app, review
from medkg.cli.language import words
from medkg.cli.options import Json, Language, Notes, Papers, texts_of
from medkg.cli.output import print_set_aside, print_written, save_with_quarantine

if TYPE_CHECKING:
    from medkg.cli.output import SavedGraph
    from medkg.core.remote import RemoteFolder
    from medkg.extract.document_form import Texts
    from medkg.extract.run import Engine, Summary
    from medkg.graph.kg import KnowledgeGraph


@app.command(epilog="Example: medkg extract notes/ --out graphs/notes")
def extract(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Text, Markdown, XML of PubMed and PMC, BioC, PubTator, PDF, JSON lines; folders;"
            " FILE.csv:TEXT or FILE.csv:ID,TEXT."
        ),
    ],
    out: Annotated[
        str | None, typer.Option(help="Graph folder to write, here or at s3://BUCKET/FOLDER.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="Or one to update: what has not changed is not read again."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that read; default: 1, with ray one a CPU."),
    ] = None,
    engine: Annotated[
        Literal["processes", "ray"],
        typer.Option(help="ray: a Ray cluster, of one machine or many."),
    ] = "processes",
    address: Annotated[
        str | None, typer.Option(help="With ray: auto, HOST:6379; default: one is started here.")
    ] = None,
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
    relations_model: Annotated[
        Path | None, typer.Option(help="A folder of medkg train relations; default: medkg's.")
    ] = None,
    linker: Annotated[
        str | None, typer.Option(help="scispacy_linker:umls for scispaCy's; default: medkg's.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Of all texts: en or zh, Chinese; default: each text tells.")
    ] = None,
    names: Language = None,
    papers: Papers = False,
    notes: Notes = False,
    sentences: Annotated[
        bool, typer.Option(help="Keep sentences; without, only their offsets.")
    ] = True,
    min_probability: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Of relations that the graph gets: with .62 fewer, and more right."
        ),
    ] = 0.0,
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify", help="Take out first what identifies patients (see deidentify)."
        ),
    ] = False,
    key: Annotated[
        Path | None, typer.Option(help="With --deidentify: file of the secret; default: OUT.key.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read clinical text: mentions, context, links, relations; into a graph folder or shown.

    A run that was interrupted goes on where it stopped when the same command is given again.
    """
    from medkg.access import read as read_graph
    from medkg.cli import show
    from medkg.core.atomic import check_replaceable
    from medkg.core.remote import RemoteFolder, is_address
    from medkg.graph.graph_frames import MANIFEST

    if out is None and into is None and html is None and not show_texts:
        raise typer.BadParameter(
            "give a graph folder with --out or --into, --show, or a page with --html"
        )
    if out is not None and into is not None:
        raise typer.BadParameter("give --out for a new graph, or --into to update one")
    if address is not None and engine != "ray":
        raise typer.BadParameter("--address goes with --engine ray")
    remote = None if out is None or not is_address(out) else RemoteFolder(out)
    folder = into if out is None else Path(out)
    if remote is not None:
        remote.check_replaceable(marker=MANIFEST)
        folder = _workplace(remote.address)
    elif folder is not None:
        check_replaceable(folder, marker=MANIFEST)
    texts = texts_of(papers, notes)
    secret = _key_of_extraction(deidentify, key, None if remote else folder)
    terminology = None if graph is None else read_graph(graph)
    reading = _Reading(
        paths, terminology, model, relations_model, linker, language, min_probability, texts, secret
    )
    report: dict[str, object] = {}
    if show_texts or html is not None:
        report |= _show_texts(reading, html, names, to_print=show_texts, as_json=as_json)
    if folder is not None:
        update = into is not None
        processes = _Processes(workers, engine, address)
        report |= _read_into_folder(reading, folder, update, processes, sentences, as_json, remote)
        if graph is None and not as_json:
            show.out.print(
                words(
                    "linked to the names that come with medkg; what --graph may add: medkg doctor"
                )
            )
    if as_json:
        show.as_json(report)


class _Reading(NamedTuple):
    """What to read, and with which models."""

    paths: list[str]
    terminology: KnowledgeGraph | None
    model: str | None
    relations_model: Path | None
    linker: str | None
    language: str | None
    min_probability: float
    texts: Texts
    deidentify_key: Path | None


class _Processes(NamedTuple):
    """What reads."""

    workers: int | None
    engine: Engine
    address: str | None


def _key_of_extraction(deidentify: bool, key: Path | None, folder: Path | None) -> Path | None:
    """The file of the secret that surrogates are drawn by; None: the texts are read as they are."""
    if not deidentify:
        if key is not None:
            raise typer.BadParameter("--key goes with --deidentify")
        return None
    if key is None and folder is None:
        raise typer.BadParameter(
            "name the file of the secret with --key, where no folder is written"
        )
    from medkg.extract.deidentify.keys import key_file_of

    return key or key_file_of(folder or Path())


def _show_texts(
    reading: _Reading,
    page: Path | None,
    names: str | None,
    *,
    to_print: bool,
    as_json: bool,
) -> dict[str, object]:
    """Print the annotated texts, or write them as a page; what `--json` tells of it."""
    from medkg.cli import show
    from medkg.cli.show_texts import print_annotated
    from medkg.core.quarantine import Quarantine
    from medkg.extract.page import write_page
    from medkg.texts import annotate

    quarantine = Quarantine()
    texts = annotate(quarantine=quarantine, names=names, **reading._asdict())
    print_set_aside(quarantine)
    report: dict[str, object] = {}
    if to_print and as_json:
        report["texts"] = [text.as_dict() for text in texts]
    elif to_print:
        for text in texts:
            print_annotated(text)
    if page is not None:
        write_page(texts, page)
        report["page"] = str(page)
        if not as_json:
            written = words(
                "{path}: {documents:,} documents, with their texts", path=page, documents=len(texts)
            )
            show.out.print(written, soft_wrap=True)
    return report


def _read_into_folder(
    reading: _Reading,
    folder: Path,
    update: bool,
    processes: _Processes,
    sentences: bool,
    as_json: bool,
    remote: RemoteFolder | None,
) -> dict[str, object]:
    """Read texts into a graph folder. Finished documents are kept beside it until it is saved."""
    from medkg.core.quarantine import Quarantine
    from medkg.extract.chunks import clear
    from medkg.extract.run import Summary
    from medkg.graph.kg import KnowledgeGraph
    from medkg.texts import read_texts

    quarantine, summary = Quarantine(), Summary()
    finished = folder.with_name(f".{folder.name}.parts")
    kg = read_texts(
        quarantine=quarantine,
        keep=finished,
        into=KnowledgeGraph.open(folder) if update and folder.is_dir() else None,
        summary=summary,
        sentences=sentences,
        **processes._asdict(),
        **reading._asdict(),
    )
    gone = [] if update else _documents_gone(folder, kg)
    written = save_with_quarantine(kg, folder, quarantine)
    if remote is not None:
        written = _sent(written, folder, remote)
    clear(finished)
    patients = kg.nodes.filter(kind="Patient")["id"].sort()
    first_patient = None if patients.is_empty() else str(patients[0])
    if not as_json:
        print_written(written)
        _print_summary_of_reading(summary, gone, None if remote else folder, first_patient)
    counts = {"patients": len(patients), "first_patient": first_patient}
    return {**written, **summary.as_dict(), **counts, "documents_gone": gone}


def _documents_gone(folder: Path, kg: KnowledgeGraph) -> list[str]:
    """The documents that a graph folder has and a new graph in its place lacks."""
    from medkg.core.errors import MedkgError
    from medkg.graph.document_readings import recorded_readings
    from medkg.graph.kg import KnowledgeGraph

    if not folder.is_dir():
        return []
    try:
        before = recorded_readings(KnowledgeGraph.open(folder))
    except MedkgError:  # What can't be read is replaced without a count.
        return []
    left = before.drop_nulls().join(recorded_readings(kg), on="id", how="anti")
    return left["id"].sort().to_list()


def _workplace(address: str) -> Path:
    """Where a graph for an address is made, the same at every try; its owner alone may read it."""
    from hashlib import sha256

    from medkg.core.atomic import make_folder
    from medkg.core.cache import cache_folder

    home = cache_folder() / "remote" / sha256(address.encode()).hexdigest()[:16]
    make_folder(home)
    home.chmod(0o700)
    return home / "graph"


def _sent(written: SavedGraph, folder: Path, remote: RemoteFolder) -> SavedGraph:
    """Send a graph, and what was set aside, to its address; nothing of it stays here."""
    import shutil

    from medkg.core.remote import RemoteFolder
    from medkg.graph.graph_frames import MANIFEST

    remote.send(folder, marker=MANIFEST)
    quarantine = None
    if written["quarantine"] is not None:
        beside = RemoteFolder(f"{remote.address}.quarantine.jsonl")
        beside.send_file(Path(written["quarantine"]), "")
        quarantine = beside.address
    shutil.rmtree(folder)
    folder.with_name(f"{folder.name}.quarantine.jsonl").unlink(missing_ok=True)
    return {**written, "written": remote.address, "quarantine": quarantine}


_READ = (
    "{documents:,} documents read, {words:,} words, {mentions:,} mentions, {relations:,} relations"
    " between them"
)
_READ_ONE = (
    "1 document read, {words:,} words, {mentions:,} mentions, {relations:,} relations between them"
)
_MORE_COUNTS = {
    "pairs_left_out": ", {number:,} pairs in crowded sentences left out",
    "unchanged": ", {number:,} unchanged",
    "resumed": ", {number:,} taken over from an earlier run",
}


def _print_summary_of_reading(
    summary: Summary, gone: Sequence[str], folder: Path | None, first_patient: str | None
) -> None:
    from medkg.cli import show

    counts = summary.as_dict()
    line = words(_READ_ONE if counts["documents"] == 1 else _READ, **counts)
    line += "".join(
        words(text, number=counts[name]) for name, text in _MORE_COUNTS.items() if counts[name]
    )
    show.out.print(line + words("; {words_per_second:,.0f} words/s", **counts))
    for line in _forms_in_words(counts):
        show.out.print(line, soft_wrap=True)
    if gone:
        show.out.print(
            words(
                "replaced what was there; documents that it had and that are gone: {names}; --into"
                " adds to a graph",
                names=_some_of(gone[:3], len(gone)),
            ),
            soft_wrap=True,
        )
    if folder is not None and first_patient and counts["documents"]:
        show.out.print(
            words(
                "what it says of a patient: medkg write {folder} --into embedded:server, then"
                " medkg query record_of_patient --on embedded:server --param {patient}",
                folder=quote(str(folder)),
                patient=quote(f"patient={first_patient}"),
            ),
            soft_wrap=True,
        )


def _some_of(first: Sequence[str], number: int) -> str:
    """The first names of so many, and how many more there are."""
    rest = number - len(first)
    return ", ".join(first) + (words(" and {rest:,} more", rest=rest) if rest else "")


def _forms_in_words(counts: Mapping[str, Any]) -> Iterator[str]:
    """As what the texts were read, what decided it, and how to change it where that is in doubt."""
    parts: list[str] = []
    for name, text in (("notes", "{number:,} as notes"), ("papers", "{number:,} as papers")):
        if number := counts[name]:
            by_form = counts[f"{name}_by_form"]
            how = words(" ({number:,} by their form)", number=by_form) if by_form else ""
            parts.append(words(text, number=number) + how)
    if parts:
        yield words(
            "read {parts}; --papers or --notes reads all plain texts as such",
            parts=", ".join(parts),
        )
    if number := counts["in_doubt"]:
        names = _some_of(counts["first_in_doubt"], number)
        yield words(
            "in doubt, and taken as notes about a patient: {names}; if they are papers, give them"
            " to a run with --papers",
            names=names,
        )


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
    relations_model: Annotated[
        Path | None, typer.Option(help="A model of relations, as for extract.")
    ] = None,
    papers: Papers = False,
    notes: Notes = False,
    as_json: Json = False,
) -> None:
    """Write the documents of which the models are least sure, to be corrected by a person.

    medkg train ner reads what Doccano (JSONL) or brat (the folder) gives back.
    """
    from medkg.access import read as read_graph
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.texts import review as choose

    quarantine = Quarantine()
    terminology = None if graph is None else read_graph(graph)
    chosen = choose(
        paths,
        out,
        form,
        most=most,
        terminology=terminology,
        model=model,
        relations_model=relations_model,
        texts=texts_of(papers, notes),
        quarantine=quarantine,
    )
    print_set_aside(quarantine)
    if as_json:
        return show.as_json({"written": str(out), "documents": chosen.to_dicts()})
    show.frame(chosen, words("{path}: least sure first, with the texts", path=out))
    return None
