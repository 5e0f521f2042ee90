"""Commands that ask a link prediction model: predict, screen, explain."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medkg.cli import show_predictions
from medkg.cli.app import app
from medkg.cli.models import open_link_model
from medkg.cli.options import Json, Language, Top
from medkg.cli.output import (
    check_given_table,
    check_table_path,
    print_set_aside,
    print_summary,
    write_as_on_server,
    write_table,
)
from medkg.cli.show_predictions import OTHER_END

if TYPE_CHECKING:
    import polars as pl

    from medkg.graph.store.property_graph import PredictionsSummary
    from medkg.graph.store.summary import WriteSummary
    from medkg.mining.links.model import LinkModel
    from medkg.mining.molecules.screen import ScreeningResult


@app.command(epilog="Example: medkg predict models/targets --head imatinib --top 10")
def predict(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train links).")],
    head: Annotated[str | None, typer.Option(help="Identifier or name of the head.")] = None,
    tail: Annotated[str | None, typer.Option(help="Identifier or name of the tail.")] = None,
    smiles: Annotated[str | None, typer.Option(help="A molecule instead of a head.")] = None,
    inchi: Annotated[str | None, typer.Option(help="The same, as InChI.")] = None,
    adme: Annotated[
        bool,
        typer.Option("--adme", help="Of a molecule: only enzymes and transporters that handle it."),
    ] = False,
    heads: Annotated[Path | None, typer.Option(help="A file of heads, one a line.")] = None,
    tails: Annotated[Path | None, typer.Option(help="A file of tails, one a line.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every head of the graph.")] = False,
    pairs: Annotated[
        Path | None, typer.Option(help="A table with columns head and tail: score these.")
    ] = None,
    top: Top = 20,
    known: Annotated[
        bool, typer.Option("--known", help="The pairs that the graph holds, in place of new ones.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the rows here: .csv, .tsv or .parquet.")
    ] = None,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    into: Annotated[str | None, typer.Option(help="Write them to this server too.")] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="Of --into: of a graph that medkg didn't write (see medkg read)."),
    ] = None,
    names: Language = None,
    as_json: Json = False,
) -> None:
    """Rank new tails of a head (or heads of a tail), with probability and explanation."""
    from medkg.cli import show

    queried = (head, tail, smiles, inchi, heads, tails, every or None, pairs)
    structure = inchi if smiles is None else smiles
    of_molecule, of_pairs = structure is not None, pairs is not None
    _refuse(
        (
            sum(each is not None for each in queried) != 1,
            "give one of --head, --tail, --heads, --tails, --all, --pairs, --smiles and --inchi;"
            " of a pair: medkg explain, or --pairs",
        ),
        (known and into is not None, "--into writes new pairs: leave out --known"),
        (
            into is not None and (of_molecule or of_pairs),
            "--into is for what is predicted of nodes: not of a molecule, nor of pairs that are"
            " given",
        ),
        (
            out is not None and of_molecule,
            "--out is for nodes and pairs; of a molecule --json has all",
        ),
        (known and of_pairs, "of --pairs each row says whether it is known: leave out --known"),
        (mapping is not None and into is None, "--mapping goes with --into"),
        (adme and not of_molecule, "--adme goes with --smiles or --inchi"),
    )
    check_table_path(out)
    check_given_table(pairs, "--pairs")
    if into is not None:
        _open_server(context, into, mapping)
    loaded = open_link_model(model, graph, names)
    if structure is not None:
        return _predict_molecule(loaded, structure, top, as_json, known=known, adme=adme)
    if pairs is not None:
        return _score_pairs(loaded, pairs, out, as_json)
    direction = "tail" if tail is None and tails is None else "head"
    query = tail if head is None else head
    file = tails if heads is None else heads
    queries = _queries(loaded, file, direction) if file else [query or ""]
    if every:
        queries = loaded.task.heads
    rows, predictions = _ranked(loaded, queries, direction, top, known=known, written=bool(into))
    if out is not None:
        write_table(rows, out)
    if as_json:
        base = None if known else loaded.stated[direction].base_rate
        show.as_json([{**row, "base_rate": base} for row in rows.to_dicts()])
    elif out is None and into is not None and query is None:
        of_all = f"{len(queries):,} {OTHER_END[direction]}s"
        show.out.print(f"New {loaded.task.edge_type[1]} of {of_all}: {rows.height:,} pairs")
        show.out.print(show_predictions.signed(loaded))
    elif out is None:
        show_predictions.of_queries(loaded, rows, queries, direction, top, known=known)
    if into is not None and predictions is not None:
        _write_into(loaded, predictions, into, mapping, as_json)
    return None


def _refuse(*wrong: tuple[bool, str]) -> None:
    """Raise the first message whose condition holds."""
    for holds, message in wrong:
        if holds:
            raise typer.BadParameter(message)


def _open_server(context: typer.Context, uri: str, mapping: Path | None) -> None:
    """Refuse a server that isn't there, or a mapping that is wrong, before anything is computed.

    It stays open until the command ends: an embedded one starts only once.
    """
    from medkg.access import connect, existing_server
    from medkg.loaders.property_graph import MappedServer

    connection = context.with_resource(connect(existing_server(uri)))
    if mapping is not None:
        MappedServer(connection, mapping)


def _ranked(
    model: LinkModel, queries: list[str], direction: str, top: int, *, known: bool, written: bool
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The rows of queries, and the predictions that they are of where these are to be written."""
    if written:
        today = date.today().isoformat()
        predictions = model.predictions(queries, top, date=today, direction=direction)
        return model.answers(predictions), predictions
    if direction == "tail":
        return model.predict(heads=queries, top=top, known=known), None
    return model.predict(tails=queries, top=top, known=known), None


def _queries(model: LinkModel, file: Path, direction: str) -> list[str]:
    """The entities that a file names, one a line; those that the model lacks are set aside."""
    from medkg.core.errors import DataError, MissingError
    from medkg.core.quarantine import Quarantine
    from medkg.loaders.text_tables import read_table

    quarantine, queries = Quarantine(), []
    entities = model.task.heads if direction == "tail" else model.task.tails
    lines = read_table(file, ["name"], quarantine, names=["name"])
    for text, line in lines.drop_nulls("name").select("name", "line").iter_rows():
        try:
            queries.append(entities[model.query_number(text, direction)])
        except MissingError:
            reason = f"the model has no {OTHER_END[direction]} of that name"
            quarantine.add(reason, path=file, line=line, row=text)
    print_set_aside(quarantine)
    if not queries:
        raise DataError(f"names no {OTHER_END[direction]} that the model knows", path=file)
    return list(dict.fromkeys(queries))


def _write_into(
    model: LinkModel, predictions: pl.DataFrame, uri: str, mapping: Path | None, as_json: bool
) -> None:
    """Write predictions to a server; with a mapping, between nodes that are there."""
    from medkg.predictions import write_predictions

    ends = predictions["head"].to_list() + predictions["tail"].to_list()
    # No others of the graph's predictions: a part of a model's answer would replace the whole.
    part = model.graph.subgraph(ends, relations=[]).with_predictions(predictions)
    if mapping is not None:
        written: WriteSummary | PredictionsSummary = write_predictions(part, uri, mapping=mapping)
    else:
        written = write_as_on_server(part, uri)
    if not as_json:
        print_summary(written, uri, as_json=False)


def _score_pairs(model: LinkModel, file: Path, out: Path | None, as_json: bool) -> None:
    """Print or write what a model says of the pairs in a table."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.loaders.databases import read_parquet_parts
    from medkg.loaders.text_tables import read_table
    from medkg.mining.links.given_pairs import pairs_frame

    quarantine = Quarantine()
    if file.suffix.lower() == ".parquet":
        pairs = pl.concat([pairs_frame([]), *read_parquet_parts(file, ["head", "tail"])],
                          how="diagonal")  # fmt: skip
    else:
        separator = "," if ".csv" in file.name.lower() else "\t"
        columns = ["head", "tail"]
        pairs = read_table(file, columns, quarantine, separator=separator, empty_rows=True)
    rows = model.score(pairs)
    if out is not None:
        write_table(rows, out)
    if as_json:
        show.as_json(rows)
    elif out is None:
        show.frame(rows.drop("model", "graph"), f"{model.task.edge_type[1]} of {file.name}")
        show.out.print(
            f"probability: {model.meaning}; known pairs have none, since a source records them"
        )
        show.out.print(show_predictions.signed(model))
    if unscored := rows["rank"].null_count():
        show.err.print(f"{unscored:,} of {rows.height:,} pairs have no rank: note says why")
    print_set_aside(quarantine)


def _predict_molecule(
    model: LinkModel, structure: str, top: int, as_json: bool, *, known: bool, adme: bool
) -> None:
    import polars as pl

    from medkg.cli import show
    from medkg.core.calibration import CALIBRATED_CANDIDATES
    from medkg.mining.molecules.nearest_ligands import NO_LIGAND, UNLIKE
    from medkg.mining.molecules.targets import targets_of

    ranking = targets_of(model, structure, top, known=known, adme=adme)
    base = ranking.probability.calibration.base_rate
    if as_json:
        held = [{"id": node, "name": name} for node, name in ranking.same_nodes]
        return show.as_json(
            {
                "smiles": ranking.smiles,
                "held": held,
                "base_rate": base,
                "known": ranking.known,
                "nearest_name": ranking.nearest_name,
                "nearest_similarity": ranking.nearest_similarity,
                "predictions": ranking.rows.to_dicts(),
            }
        )
    rows = ranking.rows.drop("model", "graph").with_columns(pl.col("ligands").fill_null(NO_LIGAND))
    title = "Known" if known else "New"
    relation = model.task.edge_type[1]
    if rows.is_empty():
        show.out.print(f"{title} {relation} of {ranking.smiles}: none")
    else:
        show.frame(rows, f"{title} {relation} of {ranking.smiles}", most=rows.height)
        show.out.print(show_predictions.signed(model))
    held_as = ", ".join(f"{name} ({node})" for node, name in ranking.same_nodes)
    held_as = f"the graph holds it: {held_as}" if held_as else "the graph doesn't hold it"
    if rows.is_empty():
        lacks = ", and no known pair of it" if ranking.same_nodes else ""
        return show.out.print(f"{held_as}{lacks if known else ''}")
    if known:
        return show.out.print(
            f"{held_as}; by structure alone. Known pairs have no probability, since a source"
            " records them; rank: that the pair would have among the new ones"
        )
    past = ""
    if ranking.rows.height > CALIBRATED_CANDIDATES:
        past = "; past them it goes on along the same curve, which was not judged there"
    apart = f"; {ranking.known} known pairs are left out, see --known" if ranking.known else ""
    show.out.print(
        f"{held_as}; by structure alone. Probability: {ranking.probability.meaning}; of a"
        f" molecule's first {CALIBRATED_CANDIDATES} targets {base:.2g} are (the base rate)"
        f"{past}{apart}",
    )
    if ranking.nearest_similarity < UNLIKE:
        show.out.print(
            f"The molecule is unlike all known ligands: the nearest, {ranking.nearest_name}, has a"
            f" similarity of {ranking.nearest_similarity:.2f}, and below {UNLIKE} little can be"
            " told by structure"
        )
    return None


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
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.mining.molecules.screen import screen as screen_library
    from medkg.mining.molecules.screen_page import write_page

    quarantine = Quarantine()
    loaded = open_link_model(model, graph)
    screening = screen_library(
        loaded, target, library, top=top, diverse=diverse, workers=workers, quarantine=quarantine
    )
    base = screening.probability.calibration.base_rate
    if out is not None:
        write_page(screening, out, library.name, loaded.name)
    if as_json:
        return show.as_json(
            {
                "target": screening.target,
                "target_name": screening.target_name,
                "model": loaded.name,
                "base_rate": base,
                "counts": screening.counts,
                "unlike": screening.unlike,
                "molecules": screening.rows,
                "set_aside": [row.__dict__ for row in quarantine.rows[:1000]],
            }
        )
    _print_screening(screening, library.name)
    print_set_aside(quarantine)
    if out is not None:
        show.out.print(f"{out}: the best {len(screening.rows):,} with pictures")
    return None


def _print_screening(screening: ScreeningResult, library: str) -> None:
    """Print the best molecules of a library, and what their numbers mean."""
    import polars as pl

    from medkg.cli import show
    from medkg.mining.molecules.nearest_ligands import NO_LIGAND
    from medkg.mining.molecules.screen_page import unlike_sentence

    shown = pl.DataFrame(screening.rows, infer_schema_length=None).select(
        "rank", "name", "smiles", "probability", "nearest_name", "nearest_similarity", "known",
        "series", "qed", "lipinski", "alerts",
    ).with_columns(pl.col("nearest_name").fill_null(NO_LIGAND))  # fmt: skip
    show.frame(shown, f"{library} for {screening.target_name} ({screening.target})", most=20)
    counts = screening.counts
    show.out.print(
        f"{counts['ranked']:,} molecules ranked, {counts['duplicates']:,} duplicates,"
        f" {counts['invalid']:,} set aside; probability: {screening.probability.meaning}, at a base"
        f" rate of {screening.probability.calibration.base_rate:.2g}"
    )
    if screening.unlike:
        show.out.print(unlike_sentence(screening))


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

    explanation = open_link_model(model, graph).explain(head, tail)
    if as_json:
        show.as_json(explanation.to_dict())
    else:
        show.out.print(str(explanation))
