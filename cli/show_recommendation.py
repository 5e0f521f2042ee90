"""What a treatment model says, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.text import Text

from medkg.cli import show
from medkg.cli.language import message, words
from medkg.cli.output import write_as_on_server

if TYPE_CHECKING:
    from medkg.graph.store.summary import WriteSummary
    from medkg.mining.safety.query import TreatmentQuery
    from medkg.mining.safety.warning import SafetyWarning
    from medkg.mining.treatment.evaluate import Figures, TreatmentReport
    from medkg.mining.treatment.model import TreatmentModel
    from medkg.mining.treatment.recommendation import DrugAssessment, Recommendation

_SENTENCE = 160  # characters of a warning's sentence that are shown
_PAIRED = ("mrr", "hits@10", "ndcg@10", "recall@10")
_FIGURES = ("mrr", "hits@1", "hits@10", "precision@10", "recall@10", "ndcg@10")


def print_recommendation(recommendation: Recommendation) -> None:
    """Three lists of drugs, why, what speaks against each, and what wasn't checked."""
    from medkg.mining.treatment.recommendation import DISCLAIMER

    query, names = recommendation.patient, recommendation.names
    for line, ids in (
        ("to treat: {names}", query.diseases),
        ("has too: {names}", (*query.also, *query.symptoms)),
        ("takes: {names}", query.taking),
        ("allergic to: {names}", query.allergic),
    ):
        if ids:
            show.out.print(words(line, names=", ".join(f"{names[i]} ({i})" for i in ids)))
    if about := _circumstances(query):
        show.out.print(words("patient: {about}", about=", ".join(about)))
    if not_checked := _not_checked(recommendation):
        kinds = ", ".join(map(message, not_checked))
        show.out.print(words("could not be checked, for any drug: {kinds}", kinds=kinds))
    for notice in recommendation.notices:
        show.out.print(words("note: {note}", note=message(notice)))
    several = len(query.diseases) > 1
    none = words("none on record, not all checked" if not_checked else "none on record")
    title = words("On record")
    if recommendation.n_recorded:
        shown, number = len(recommendation.recorded), recommendation.n_recorded
        title = words("On record ({shown} of {number})", shown=shown, number=number)
    _print_drugs(recommendation.recorded, title, several, none)
    title = words(
        "Hypotheses, no recommendations (probability at a base rate of {rate:.2g})",
        rate=recommendation.base_rate,
    )
    _print_drugs(recommendation.hypotheses, title, several, none)
    for title, drugs in (
        (words("Not to be given"), recommendation.contraindicated),
        (words("Taken already"), recommendation.taking),
    ):
        _print_drugs(drugs, title, several, none, explained=False)
    show.out.print(Text(words("Checks"), "bold"))
    for check in recommendation.checks:
        show.out.print(f"  {message(check.what)}: {message(check.note)}")
    show.out.print(f"{recommendation.model}. {words(DISCLAIMER)}")


def _not_checked(recommendation: Recommendation) -> list[str]:
    """What is known of the patient and no warning could come of."""
    return [c.what for c in recommendation.checks if c.called_for and not c.checked]


def _circumstances(query: TreatmentQuery) -> list[str]:
    """A patient's age, sex and pregnancy, those that are known."""
    about = []
    if query.age is not None and query.youngest is None:
        about.append(words("{age:.3g} years", age=query.age))
    elif query.age is not None:
        about.append(
            words("{youngest:.3g} to {age:.3g} years", youngest=query.youngest, age=query.age)
        )
    if query.sex:
        about.append(words(query.sex))
    if query.pregnant is not None:
        about.append(words("pregnant" if query.pregnant else "not pregnant"))
    return about


def _print_drugs(
    drugs: tuple[DrugAssessment, ...],
    title: str,
    several: bool,
    none: str,
    *,
    explained: bool = True,
) -> None:
    """A table of drugs, and below it what speaks against each; `none` stands where nothing does."""
    if not drugs:
        return
    rows = [
        {
            "drug": drug.name,
            "id": drug.drug,
            **({"for": drug.disease_name} if several else {}),
            "status": words(drug.status),
            "model's rank": drug.rank,
            "probability": drug.probability
            if drug.probability is not None
            else drug.recorded_probability,
            "sources": ", ".join(drug.sources),
            "warnings": words("not checked")
            if drug.unchecked and not drug.warnings
            else str(len(drug.warnings) or none),
        }
        for drug in drugs
    ]
    show.frame(pl.DataFrame(rows, infer_schema_length=None), title)
    for drug in drugs:
        lines = [f"! {message(warning.text)} [{_cited(warning)}]" for warning in drug.warnings]
        if drug.unchecked:
            kinds = ", ".join(map(message, drug.unchecked))
            lines.append("? " + words("no source says anything of its {kinds}", kinds=kinds))
        if explained and drug.status == "hypothesis":
            lines += [f"+ {text}" for text in drug.because[:3]]
            lines += [f"+ {path}" for path in drug.paths[:1]]
        if lines:
            show.out.print(drug.name)
            for line in lines:
                show.out.print(f"  {line}")


def _cited(warning: SafetyWarning) -> str:
    """The sources of a warning, with a reference and the sentence where there is one."""
    if not warning.edge:
        return words("as given")
    cited = []
    for piece in warning.evidence:
        place = piece["document"] or ", ".join(piece["references"] or ())
        sentence = f': "{shorten(piece["sentence"], _SENTENCE)}"' if piece["sentence"] else ""
        cited.append(f"{piece['source']} {place}".strip() + sentence)
    return "; ".join(dict.fromkeys(cited)) or words("no evidence kept")


def write_back(
    model: TreatmentModel, recommendation: Recommendation, top: int, into: str
) -> WriteSummary:
    """Write the hypotheses for the diseases, whoever asked, to a server as PREDICTED_TREATS."""
    rows = model.predictions(recommendation.patient.diseases, top, date=date.today().isoformat())
    ends = {*rows["head"], *rows["tail"]}
    # No others of the graph's predictions: a part of a model's answer would replace the whole.
    part = model.graph.subgraph(ends, relations=[]).with_predictions(rows)
    return write_as_on_server(part, into)


def training_figures(metrics: Mapping[str, Any]) -> pl.DataFrame:
    """Held-out pairs' figures, a row a model; `mrr_95` is a 95 % interval over diseases."""
    return _table(metrics["test"]["figures"])


def evaluation_tables(report: TreatmentReport) -> list[tuple[str, pl.DataFrame]]:
    """What `medkg.mining.treatment.evaluate.evaluate_treatment` found, as titled tables."""
    whole = report["figures"]
    tables = [
        (
            f"Drugs ranked for {report['diseases']:,} diseases, {report['edges']:,} pairs,"
            f" {report['drugs']:,} drugs",
            _table(whole),
        )
    ]
    lists = [
        {"model": name}
        | {
            key.replace("precision@", "p@").replace("recall@", "r@"): value
            for key, value in figures.items()
            if key.startswith(("precision@", "recall@", "ndcg@", "coverage@", "novelty@"))
            and not key.endswith("_interval")
        }
        for name, figures in whole.items()
    ]
    tables.append(("The first of each list, mean over diseases", pl.DataFrame(lists)))
    over = [
        {
            "over": name,
            **{key: _difference(row, key) for key in _PAIRED},
        }
        for name, row in report["paired"].items()
    ]
    tables.append(("What the model has over each member, paired", pl.DataFrame(over)))
    strata = [
        {
            "known drugs in training": stratum,
            "model": name,
            "diseases": row["diseases"],
            "pairs": row["edges"],
            **{key: row[key] for key in _PAIRED},
        }
        for stratum, rows in report["strata"].items()
        for name, row in rows.items()
    ]
    tables.append(("By the drugs that training had for the disease", pl.DataFrame(strata)))
    return tables


def below_members(report: TreatmentReport) -> list[str]:
    """Where the model is worse than one of its members alone, whatever the interval."""
    return [
        f"the model is below {member} alone: {', '.join(below)}"
        for member, row in report["paired"].items()
        if (below := [f"{key} {_difference(row, key)}" for key in _PAIRED if row[key] < 0])
    ]


def _difference(row: Figures, key: str) -> str:
    low, high = row[f"{key}_interval"]
    return f"{row[key]:+.3f} ({low:+.3f} to {high:+.3f})"


def _table(models: Mapping[str, Figures]) -> pl.DataFrame:
    rows = []
    for name, figures in models.items():
        interval = figures["mrr_interval"]
        rows.append(
            {
                "model": name,
                **{key: figures[key] for key in _FIGURES},
                "mrr_95": "{:.3f}–{:.3f}".format(*interval) if interval else None,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)
