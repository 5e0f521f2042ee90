"""Commands that train models of text: mentions and relations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import train
from medkg.cli.options import Encoder, Json, LabelKinds, Lora, Seed, Sibling, label_kinds
from medkg.cli.output import print_set_aside


@train.command("ner", epilog="Example: medkg train ner corpora/ --out models/ner")
def train_ner(
    corpora: Annotated[
        Path, typer.Argument(help="Annotated text: a file, or a folder of one corpus or several.")
    ],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str,
        typer.Option(
            help="bilstm, crf, spacy, a Hugging Face encoder (name or folder); or default, or a"
            " folder of train ner: that gets heads for these corpora beside its own.",
        ),
    ] = "bilstm",
    held_out: Annotated[
        float, typer.Option(help="Part of the documents to score on, where no file says which.")
    ] = 0.2,
    label: LabelKinds = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Default 8; with an encoder at most 10, or 20 of LoRA; spacy 15; added heads 20.",
        ),
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
    taught_by: Annotated[
        list[Path] | None,
        typer.Option(
            help="For the bilstm: a network of train ner on the same corpora, such as a Hugging"
            " Face encoder, to learn from too; may be given again.",
        ),
    ] = None,
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

    quarantine = Quarantine()
    metrics = train_model(
        corpora,
        out,
        model=model,
        seed=seed,
        epochs=epochs,
        learning_rate=learning_rate,
        teachers=teachers,
        taught_by=taught_by or [],
        names=[KnowledgeGraph.open(path) for path in names or []],
        lora=lora,
        held_out=held_out,
        labels=label_kinds(label),
        sibling=sibling,
        quarantine=quarantine,
    )
    title = f"Mentions: {sibling or out}"
    show.as_json(metrics) if as_json else show.frame(ner_figures(metrics), title)
    if not any(kinds["micro"]["predicted"] for kinds in metrics.values()):
        show.err.print(
            "It finds nothing in what was held out. A network needs hundreds of documents: give the"
            " one that ships a head for yours (--model default), or use --model crf.",
        )
    print_set_aside(quarantine)


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
        )
