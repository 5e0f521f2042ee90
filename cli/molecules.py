"""Commands that make molecules: train and measure a generator, and write new ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from medkg.cli.app import app, evaluate, train
from medkg.cli.options import Json, Seed
from medkg.cli.output import check_table_path, print_set_aside, write_as_on_server, write_table

if TYPE_CHECKING:
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.molecules.generator.generate import Generation

_SHOWN = 20  # molecules in the terminal


@train.command(
    "generator", epilog="Example: medkg train generator zinc250k.smi.gz --out models/generator"
)
def train_generator(
    library: Annotated[Path, typer.Argument(help="Molecules: .smi, .csv, .tsv, .sdf; .gz or not.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str,
        typer.Option(help="lstm; vae or aae, for --between; or ngram, the baseline."),
    ] = "lstm",
    notation: Annotated[
        str, typer.Option(help="smiles, or selfies, whose texts are nearly all molecules.")
    ] = "smiles",
    epochs: Annotated[
        int, typer.Option(min=1, help="Of a network: how often it reads the library.")
    ] = 4,
    start: Annotated[
        Path | None, typer.Option("--from", help="A network to go on from, with its tokens.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a generator of molecules on a library, and judge what it writes."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.mining.molecules.generator.train import train_generator as train_model

    quarantine = Quarantine()
    figures = train_model(
        library,
        out,
        model=model,
        notation=notation,
        epochs=epochs,
        start=start,
        seed=seed,
        quarantine=quarantine,
    )
    if as_json:
        return show.as_json({**figures, "set_aside": quarantine.counts()})
    _print_figures({model: figures}, f"{out}: {figures['written']:,} texts that it wrote")
    return print_set_aside(quarantine)


@evaluate.command(
    "generator", epilog="Example: medkg evaluate generator models/generator zinc250k.smi.gz"
)
def evaluate_generator(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train generator).")],
    library: Annotated[Path, typer.Argument(help="What it is measured by: as for training.")],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Validity, uniqueness, novelty and descriptors of a generator, beside an n-gram model's."""
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.mining.molecules.generator.figures import evaluate_generator as evaluate_model

    quarantine = Quarantine()
    report = evaluate_model(model, library, seed=seed, quarantine=quarantine)
    if as_json:
        return show.as_json({**report, "set_aside": quarantine.counts()})
    judged = {report["model"]: report["figures"], "ngram, the baseline": report["baseline"]}
    _print_figures(judged, f"{model}: {report['figures']['written']:,} texts of each")
    if not report["trained_on"]:
        show.out.print("the generator was trained on another library: all of this one is new to it")
    return print_set_aside(quarantine)


def _print_figures(judged: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Print figures of generators, and under them what chance gives."""
    import polars as pl

    from medkg.cli import show

    rows = [
        {
            "generator": name,
            **{
                key: round(figures[key], 3)
                for key in ("valid", "unique", "novel", "neighbour", "scaffolds")
            },
            **{f"distance of {key}": value for key, value in figures["distances"].items()},
        }
        for name, figures in judged.items()
    ]
    first = next(iter(judged.values()))
    rows.append(
        {
            "generator": "the library itself",
            "neighbour": round(first["floor_neighbour"], 3),
            "scaffolds": round(first["floor_scaffolds"], 3),
            **{f"distance of {key}": value for key, value in first["floor"].items()},
        }
    )
    show.frame(pl.DataFrame(rows, infer_schema_length=None), title)


@app.command(epilog="Example: medkg generate --like imatinib -n 20 --page new.html")
def generate(
    model: Annotated[
        Path | None,
        typer.Argument(help="A model folder (medkg train generator); default: the one that ships."),
    ] = None,
    ligands: Annotated[
        Path | None, typer.Option(help="Known ligands: .smi, .csv, .tsv, .sdf; .gz or not.")
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(help="Graph folder with target or drug; default: starter set.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Identifier or name: its drugs in the graph guide.")
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(help="Rank for the target by this model's structure part (train links)."),
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="Change this at one place: SMILES, or a drug of the graph.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="SMILES of a scaffold that each molecule must hold.")
    ] = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Walk from one to another by a vae or aae: SMILES, or the graph's drugs."
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("-n", min=1, help="How many molecules; default: 100, or 9 of --between."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write all columns here: .csv, .tsv or .parquet.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="HTML page to write, with pictures.")] = None,
    into: Annotated[
        str | None,
        typer.Option(help="Of --target: write them as hypotheses to a server or graph folder."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write new molecules like known ligands: ideas, of which nothing is known."""
    import polars as pl

    import medkg
    from medkg.cli import show
    from medkg.cli.models import open_link_model
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.molecules.generator.generate import generate_molecules
    from medkg.mining.molecules.generator.page import write_page

    check_table_path(out)
    if between is not None:
        if model is None or any((ligands, target, links, like, keep, page, into)):
            raise typer.BadParameter(
                "--between goes with MODEL, a vae or aae, and -n, --graph, --out alone"
            )
        return _walk(model, between, graph, n, out, seed, as_json)
    if (ligands is None) == (target is None) and (ligands or like is None):
        raise typer.BadParameter("give --ligands, --target, --like or --between")
    if graph is not None and target is None and like is None:
        raise typer.BadParameter("--graph goes with --target or --like")
    if into is not None and target is None:
        raise typer.BadParameter("--into goes with --target, which the hypotheses are about")
    quarantine = Quarantine()
    ranker = (
        None if links is None else open_link_model(links, None if graph is None else str(graph))
    )
    kg = None if ranker is None else ranker.graph
    if graph is not None and kg is None:
        kg = KnowledgeGraph.open(graph)
    if kg is None and (target or like):
        kg = medkg.load("starter")
    held = None if into is None or target is None else _held_at(into, target)
    made = generate_molecules(
        model,
        ligands=ligands,
        kg=kg,
        target=target,
        links=ranker,
        like=like,
        keep=keep,
        n=n or 100,
        seed=seed,
        quarantine=quarantine,
    )
    if out is not None:
        schema = None if made.molecules else {"rank": pl.Int64, "smiles": pl.String}
        write_table(pl.DataFrame(made.molecules, schema, infer_schema_length=None), out)
    if page is not None:
        aims = [*([f"for {target}"] if target else []), *([f"like {like}"] if like else [])]
        write_page(made, page, " ".join(["New molecules", *aims]))
    written = None
    if into is not None and target is not None and kg is not None:
        written = _write_into(made, kg, held, target, into)
    if as_json:
        whole = {"molecules": made.molecules, "counts": made.counts, "ligands": made.ligands}
        whole |= {} if written is None else {"record": made.record, "written": written}
        return show.as_json({**whole, "set_aside": quarantine.counts()})
    _print_generation(made)
    if written is not None:
        show.out.print(f"{into}: {_of_written(written)}", soft_wrap=True)
    if page is not None:
        show.out.print(f"{page}: with pictures", soft_wrap=True)
    return print_set_aside(quarantine)


def _walk(
    model: Path,
    between: tuple[str, str],
    graph: Path | None,
    n: int | None,
    out: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Print, or write, molecules between two."""
    import polars as pl

    import medkg
    from medkg.cli import show
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.molecules.generator.between import STEPS, interpolate_molecules
    from medkg.mining.molecules.generator.page import IDEAS
    from medkg.mining.molecules.structures import parse

    named = any(parse(text).molecule is None for text in between)
    kg = KnowledgeGraph.open(graph) if graph else medkg.load("starter") if named else None
    walk = interpolate_molecules(model, *between, kg=kg, steps=n or STEPS, seed=seed)
    rows = pl.DataFrame(walk, schema_overrides={"smiles": pl.String}, infer_schema_length=None)
    if out is not None:
        write_table(rows, out)
    if as_json:
        return show.as_json(rows)
    show.frame(rows, f"From {between[0]} (0) to {between[1]} (1)", most=rows.height)
    show.out.print("to_first, to_second: Tanimoto similarity to the ends; valid: of 50 texts")
    return show.out.print(IDEAS)


class _Written(TypedDict):
    """What was written into a graph: the predictions' model, and numbers of molecules."""

    model: str
    molecules: int
    left_out: int


def _held_at(into: str, target: str) -> KnowledgeGraph | None:
    """What is where hypotheses are to be written: a folder's graph, a server's drugs, or nothing.

    Asked for before anything is generated, so that a wrong place is known at once.
    """
    from medkg.access import connect, existing_server, is_uri
    from medkg.graph.kg import KnowledgeGraph

    if is_uri(into):
        with connect(existing_server(into)) as connection:
            return connection.read(kinds=["Drug"], relations=[], predictions=False)
    if not Path(into).exists():
        return None
    kg = KnowledgeGraph.open(into)
    kg.resolve(target, "Target")
    return kg


def _write_into(
    made: Generation, kg: KnowledgeGraph, held: KnowledgeGraph | None, target: str, into: str
) -> _Written:
    """Write molecules as hypotheses to a server, by its URI, or into a graph folder."""
    from medkg.access import is_uri
    from medkg.mining.molecules.generator.hypotheses import (
        generation_name,
        molecule_hypotheses,
        with_hypotheses,
    )

    if is_uri(into):
        new = molecule_hypotheses(made, kg, target, drugs=held)
        write_as_on_server(new, into)
    elif held is not None:
        new = molecule_hypotheses(made, held, target)
        with_hypotheses(held, new).save(into)
    else:
        new = molecule_hypotheses(made, kg, target)
        new.save(into)
    molecules = new.predictions.height
    return {
        "model": generation_name(made, new.nodes.filter(kind="Target")["id"][0]),
        "molecules": molecules,
        "left_out": len(made.molecules) - molecules,
    }


def _of_written(written: _Written) -> str:
    number = written["left_out"]
    left_out = f"; {number:,} left out: drugs there, or one structure twice" if number else ""
    return (
        f"{written['molecules']:,} hypotheses of the kind Molecule, by {written['model']}{left_out}"
    )


def _print_generation(made: Generation) -> None:
    import polars as pl

    from medkg.cli import show
    from medkg.mining.molecules.generator.page import IDEAS

    if made.molecules:
        columns = ["rank", "smiles", "similarity", "nearest", "qed", "sa", "weight", "logp"]
        if made.molecules[0]["score"] is not None:
            columns.insert(2, "score")
        shown = pl.DataFrame(made.molecules, infer_schema_length=None).select(columns)
        title = f"New molecules, like {made.ligands:,} ligands" if made.ligands else "New molecules"
        show.frame(shown, title, most=_SHOWN)
    counts = {name.replace("_", " "): f"{count:,}" for name, count in made.counts.items()}
    show.out.print("texts: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    show.out.print(IDEAS)
