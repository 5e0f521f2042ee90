"""Commands on what patients write of their drugs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medkg.cli.app import app, evaluate, train
from medkg.cli.options import Encoder, Json, Seed
from medkg.cli.output import print_set_aside

if TYPE_CHECKING:
    from medkg.core.quarantine import Quarantine
    from medkg.extract.sentiment.train import Figures

Reviews = Annotated[
    Path,
    typer.Argument(
        help="A table (TSV, CSV) with rating (1-10), effectiveness or sideEffects, and the texts"
        " benefitsReview, sideEffectsReview and commentsReview, or text."
    ),
]


@app.command(epilog="Example: medkg sentiment models/reviews 'It helped, but I felt sick all day'")
def sentiment(
    model: Annotated[Path, typer.Argument(help="A model folder (medkg train sentiment).")],
    reviews: Annotated[str, typer.Argument(help="A table of reviews, or the text of one.")],
    as_json: Json = False,
) -> None:
    """How patients rate a drug, its effect and side effects; nothing is written to a graph."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.opinions import is_table
    from medkg.opinions import sentiment as tell

    quarantine = Quarantine()
    given = Path(reviews) if is_table(reviews) else [reviews]
    predicted = tell(given, model, quarantine=quarantine)
    if as_json:
        return show.as_json({"reviews": predicted, "set_aside": quarantine.counts()})
    rows = [
        {"review": name, **{o["aspect"]: f"{o['sign']:+d} ({o['probability']:.2f})" for o in own}}
        for name, own in predicted.items()
    ]
    show.frame(pl.DataFrame(rows), "-1 negative, 0 mixed, 1 positive, with probabilities")
    return print_set_aside(quarantine)


@train.command(
    "sentiment", epilog="Example: medkg train sentiment reviews.tsv --out models/reviews"
)
def train_sentiment(
    reviews: Reviews,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    encoder: Encoder = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a model of patients' reviews, measured by folds."""
    from medkg.core.quarantine import Quarantine
    from medkg.extract.sentiment.train import train_sentiment as train_model

    quarantine = Quarantine()
    figures = train_model(reviews, out, encoder=encoder, seed=seed, quarantine=quarantine)
    _print_figures(figures, f"{out}: by folds", quarantine, as_json)


@evaluate.command("sentiment", epilog="Example: medkg evaluate sentiment reviews.tsv")
def evaluate_sentiment(
    reviews: Reviews,
    encoder: Encoder = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train and measure by folds, beside logistic regression over TF-IDF."""
    from medkg.core.quarantine import Quarantine
    from medkg.extract.sentiment.train import evaluate_sentiment as evaluate_model

    quarantine = Quarantine()
    figures = evaluate_model(reviews, encoder=encoder, seed=seed, quarantine=quarantine)
    _print_figures(figures, "By folds", quarantine, as_json)


def _print_figures(figures: Figures, title: str, quarantine: Quarantine, as_json: bool) -> None:
    import polars as pl

    from medkg.cli import show

    if as_json:
        return show.as_json({"figures": figures, "set_aside": quarantine.counts()})
    rows = [
        {
            "aspect": aspect,
            "reviews": own["reviews"],
            "by": name,
            "macro_f1": scores["macro_f1"],
            "accuracy": scores["accuracy"],
            **scores["labels"],
        }
        for aspect, own in figures.items()
        for name, scores in own["by"].items()
    ]
    show.frame(pl.DataFrame(rows), title)
    return print_set_aside(quarantine)
