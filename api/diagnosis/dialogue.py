"""Asking a person for the phenotypes that would narrow a ranking most."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import polars as pl

from medkg.diagnosis.ranking import ranked_rows
from medkg.mining.diagnosis.phenotypes import Findings

if TYPE_CHECKING:
    from medkg.mining.diagnosis.ask import Question
    from medkg.mining.diagnosis.circumstances import Circumstances
    from medkg.mining.diagnosis.model import DiagnosisModel


def ask_for_phenotypes(
    model: DiagnosisModel,
    findings: Findings,
    answer: Callable[[pl.DataFrame, Question], str],
    *,
    top: int = 10,
    circumstances: Circumstances | None = None,
) -> Findings:
    """Ask for phenotypes until the ranking is narrow enough for whoever answers.

    Args:
        answer: called with the diagnoses as they stand and the question (a row of
            `DiagnosisModel.questions`); it returns yes, no, "?" (not known) or stop.

    Returns:
        What is known at the end.
    """
    from medkg.mining.diagnosis.model import diagnoses_frame

    present, excluded, unknown = list(findings.present), list(findings.excluded), list[str]()
    answers = {"yes": present, "no": excluded, "?": unknown}

    def now() -> Findings:
        answered = {*present, *excluded} - {*findings.present, *findings.excluded}
        uncertain = {key: p for key, p in findings.uncertain.items() if key not in answered}
        return Findings(tuple(present), tuple(excluded), findings.notes, uncertain)

    while True:
        rows = ranked_rows(model, now(), top=top, circumstances=circumstances)
        questions = model.questions(
            present, excluded, unknown=unknown, top=1, circumstances=circumstances
        )
        if questions.is_empty():
            break
        question = cast("Question", questions.row(0, named=True))
        reply = answer(diagnoses_frame(rows), question)
        if reply == "stop":
            break
        answers[reply].append(question["phenotype"])
    return now()
