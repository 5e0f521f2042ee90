"""Commands that ask a link prediction model: predict, screen, explain."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medkg.cli.app import app
from medkg.cli.models import open_link_model
from medkg.cli.options import Json, Top
from medkg.cli.output import print_set_aside, print_summary

if TYPE_CHECKING:
    import polars as pl

    from medkg.mining.links.model import LinkModel


@app.command(epilog="Example: medkg predict models/targets --head imatinib --top 10")
def predict(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train links).")],
    head: Annotated[str | None, typer.Option(help="Identifier or name of the head.")] = None,
    tail: Annotated[str | None, typer.Option(help="Identifier or name of the tail.")] = None,
    smiles: Annotated[str | None, typer.Option(help="A molecule instead of a head.")] = None,
    inchi: Annotated[str | None, typer.Option(help="The same, as InChI.")] = None,
    top: Top = 20,
    known: Annotated[
        bool, typer.Option("--known", help="The pairs that the graph holds, in place of new ones.")
    ] = False,
    graph: Annotated[str | None, typer.Option(help="Instead of the recorded graph.")] = None,
    into: Annotated[str | None, typer.Option(help="Write them to this server too.")] = None,
    as_json: Json = False,
) -> None:
    """Rank new tails of a head (or heads of a tail), with probability and explanation."""
    from medkg.cli import show

    if sum(entity is not None for entity in (head, tail, smiles, inchi)) != 1:
        raise typer.BadParameter("give --head, --tail, --smiles or --inchi")
    if known and into is not None:
        raise typer.BadParameter("--into writes new pairs: leave out --known")
    loaded = open_link_model(model, graph)
    if structure := smiles or inchi:
        if into is not None:
            raise typer.BadParameter("--into is for --head and --tail: a molecule is no node")
        return _predict_molecule(loaded, structure, top, known, as_json)
    rows = loaded.predict(head=head, tail=tail, top=top, known=known)
    base = loaded.calibration("head" if head is None else "tail", known=known).base_rate
    if as_json:
        show.as_json([{**row, "base_rate": base} for row in rows.to_dicts()])
    else:
        _print_rows(loaded, rows, str(head or tail), base, is_head=head is not None, known=known)
    if into is not None:
        from medkg.access import connect

        direction, query = ("tail", head) if head is not None else ("head", tail)
        today = date.today().isoformat()
        predictions = loaded.predictions([str(query)], top, date=today, direction=direction)
        ends = predictions["head"].to_list() + predictions["tail"].to_list()
        # No others of the graph's predictions: a part of a model's answer would replace the whole.
        part = loaded.graph.subgraph(ends, relations=[]).with_predictions(predictions)
        with connect(into) as connection:
            written = connection.write(part)
        if not as_json:
            print_summary(written, into, as_json=False)
    return None


def _print_rows(
    model: LinkModel, rows: pl.DataFrame, query: str, base: float, *, is_head: bool, known: bool
) -> None:
    """Print the pairs of a query, and what their numbers mean."""
    from medkg.cli import show
    from medkg.mining.links.modality import CLASS_OF_DRUGS

    title = "Known" if known else "New"
    relation = model.task.edge_type[1]
    if rows.is_empty():
        show.out.print(f"{title} {relation} of {query}: none")
    else:
        show.frame(rows, f"{title} {relation} of {query}", most=rows.height)
        apart = "" if known else "; what the graph holds is left out, see --known"
        meaning = "that a source records the pair" if known else model.meaning
        show.out.print(
            f"probability: {meaning}; of the first 100 candidates of a query {base:.2g} are (the"
            f" base rate){apart}"
        )
    modality = model.modality(model.query_number(query, "tail")) if is_head else None
    if modality is not None and not known:
        why = "it acts on the target that it was made for, and what it is like tells of no other"
        if modality == CLASS_OF_DRUGS:
            why = "ask for one of its drugs"
        show.out.print(f"{query} is no small molecule ({modality}): {why}; --known shows what is")
    if known and rows.height:
        show.out.print("rank: that the pair would have among the new ones, were it not known")
    if unranked := rows["rank"].null_count():
        show.out.print(
            f"{unranked} pairs, the last, have no rank: nothing spoke for them while they were held"
            " back"
        )


def _predict_molecule(
    model: LinkModel, structure: str, top: int, known: bool, as_json: bool
) -> None:
    import polars as pl

    from medkg.cli import show
    from medkg.core.calibration import CALIBRATED_CANDIDATES
    from medkg.mining.molecules.nearest_ligands import NO_LIGAND, structure_ranker_of
    from medkg.mining.molecules.targets import targets_of

    ranking = targets_of(model, structure, top, known=known)
    base = structure_ranker_of(model).calibration.base_rate
    if as_json:
        held = [{"id": node, "name": name} for node, name in ranking.same_nodes]
        return show.as_json(
            {
                "smiles": ranking.smiles,
                "held": held,
                "base_rate": base,
                "known": ranking.known,
                "predictions": ranking.rows.to_dicts(),
            }
        )
    rows = ranking.rows.with_columns(pl.col("ligands").fill_null(NO_LIGAND))
    title = "Known" if known else "New"
    relation = model.task.edge_type[1]
    show.frame(rows, f"{title} {relation} of {ranking.smiles}", most=rows.height)
    held_as = ", ".join(f"{name} ({node})" for node, name in ranking.same_nodes)
    held_as = f"the graph holds it: {held_as}" if held_as else "the graph doesn't hold it"
    past = ""
    if ranking.rows.height > CALIBRATED_CANDIDATES:
        past = "; past them it goes on along the same curve, which was not judged there"
    apart = ""
    if ranking.known and not known:
        apart = f"; {ranking.known} known pairs are left out, see --known"
    return show.out.print(
        f"{held_as}; by structure alone. Probability: that a source records the pair; of a"
        f" molecule's first {CALIBRATED_CANDIDATES} targets {base:.2g} are (the base rate)"
        f"{past}{apart}",
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
    from medkg.mining.molecules.nearest_ligands import NO_LIGAND, structure_ranker_of
    from medkg.mining.molecules.screen import screen as screen_library

    quarantine = Quarantine()
    loaded = open_link_model(model, graph)
    screening = screen_library(
        loaded, target, library, top=top, diverse=diverse, workers=workers, quarantine=quarantine
    )
    base = structure_ranker_of(loaded).calibration.base_rate
    if out is not None:
        from medkg.mining.molecules.screen_page import write_page

        write_page(screening, out, library.name, loaded.name, base)
    if as_json:
        return show.as_json(
            {
                "target": screening.target,
                "target_name": screening.target_name,
                "model": loaded.name,
                "base_rate": base,
                "counts": screening.counts,
                "molecules": screening.rows,
                "set_aside": [row.__dict__ for row in quarantine.rows[:1000]],
            }
        )
    shown = pl.DataFrame(screening.rows, infer_schema_length=None).select(
        "rank", "name", "smiles", "probability", "nearest_name", "nearest_similarity", "known",
        "series", "qed", "lipinski", "alerts",
    ).with_columns(pl.col("nearest_name").fill_null(NO_LIGAND))  # fmt: skip
    show.frame(shown, f"{library.name} for {screening.target_name} ({screening.target})", most=20)
    counts = screening.counts
    show.out.print(
        f"{counts['ranked']:,} molecules ranked, {counts['duplicates']:,} duplicates,"
        f" {counts['invalid']:,} set aside; probability at a base rate of {base:.2g}"
    )
    print_set_aside(quarantine)
    if out is not None:
        show.out.print(f"{out}: the best {len(screening.rows):,} with pictures")
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

    explanation = open_link_model(model, graph).explain(head, tail)
    if as_json:
        show.as_json(explanation.to_dict())
    else:
        show.out.print(str(explanation))
