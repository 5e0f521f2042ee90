"""Commands that measure models of text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import evaluate
from medkg.cli.options import Json, LabelKinds, Names, ReadingModel, RelationsModel, label_kinds
from medkg.cli.output import MOST_LISTED, print_set_aside

if TYPE_CHECKING:
    from medkg.graph.kg import KnowledgeGraph


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

    quarantine = Quarantine()
    rows = evaluate_models(
        model or [None],
        corpus,
        corpus_format,
        head=head,
        labels=label_kinds(label),
        quarantine=quarantine,
    )
    _show_scores(rows, f"Mentions in {corpus.name}", as_json)
    print_set_aside(quarantine)


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
            )


@evaluate.command("relations", epilog="Example: medkg evaluate relations --corpus CDR.PubTator.txt")
def evaluate_relations(
    corpus: Annotated[Path, typer.Option(help="A corpus of relations with their mentions.")],
    corpus_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="pubtator, brat, chemprot, jsonl, euadr; default: as it looks. Else roam; labels:"
            " medkg's own, in a folder of corpora.",
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

    quarantine = Quarantine()
    if corpus_format == "labels":
        rows = evaluate_labels(corpus, model=model)
    else:
        rows = evaluate_model(
            model, corpus, corpus_format, labels=label_kinds(label), quarantine=quarantine
        )
    _show_scores(rows, f"Relations in {corpus.name}", as_json)
    print_set_aside(quarantine)


def _names(paths: list[Path] | None) -> list[Path | KnowledgeGraph]:
    from medkg.terminology import default_terminology

    return [*paths] if paths else [default_terminology()]


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

    quarantine = Quarantine()
    rows = evaluate_linker(
        _names(names), corpus, corpus_format, labels=label_kinds(label), quarantine=quarantine
    )
    if as_json:
        show.as_json(rows)
    else:
        show.frame(rows.drop("nameless"), f"Links in {corpus.name}")
        nameless = sorted({name for names_ in rows["nameless"] for name in names_})
        if nameless:
            more = "; …" if len(nameless) > MOST_LISTED else ""
            show.err.print(
                f"{len(nameless):,} identifiers have no name in the dictionary, and what has them"
                f" counts as missed ({'; '.join(nameless[:MOST_LISTED])}{more}); --json lists all",
            )
    print_set_aside(quarantine)


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
    from medkg.extract.context.evaluate import evaluate_context as evaluate_attributes

    rows = evaluate_attributes(corpus, part)
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

    from medkg.access import read as read_graph
    from medkg.cli import show
    from medkg.extract.evaluate_text import evaluate_notes as evaluate_model
    from medkg.extract.pipeline import build_pipeline
    from medkg.terminology import default_terminology

    terminology = default_terminology() if graph is None else read_graph(graph)
    pipeline = build_pipeline(terminology, ner_model=model, relations_model=relations_model)
    with as_file(files("medkg").joinpath("data/notes")) as own:
        rows = evaluate_model(folder or own, pipeline, terminology)
    show.as_json(rows) if as_json else show.frame(rows, "Annotated notes")
