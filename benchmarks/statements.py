"""Which statements of abstracts `medkg extract` puts into a graph are right, by 60 annotated ones.

    python benchmarks/statements.py CORPORA               extracts, and scores what is asserted
    python benchmarks/statements.py CORPORA --errors      and lists what is wrong and missed
    python benchmarks/statements.py CORPORA --relations-model MEASURED    by another model
    python benchmarks/statements.py --agreement           of the two annotators

CORPORA holds `biored/` and `bc5cdr/`, whose development parts the abstracts were drawn from (30 of
each, `random.Random(0)`). The annotations (`statements/`, with their guideline) were made before
relations were changed for them, by annotators who didn't see what medkg reads in the texts. What
ships has learnt from both development parts; MEASURED, of `train_documents.py`, only CAUSES from
BC5CDR's.

A statement is right if the annotation has one of that relation and status between concepts of these
names, all that the abstract has for them: one name holds all words of the other. A disease and a
symptom may stand for each other.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

import medkg
from medkg.core.calibration import expected_calibration_error, reliability_bins
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.pubtator import read_pubtator

FOLDER = Path(__file__).parent / "statements"
SOURCES = ("biored/Dev.PubTator.xz", "bc5cdr/CDR_DevelopmentSet.PubTator.txt.xz")
LEAST = (0.0, 0.5, 0.6, 0.62, 0.7, 0.8)  # `extract --min-probability`
_CONDITIONS = ("Disease", "Symptom")
_EITHER_WAY = ("ASSOCIATED_WITH", "INTERACTS_WITH")  # an annotator may begin at either end
Names = frozenset[tuple[str, ...]]  # of a concept, each as its words


@dataclass(frozen=True)
class Statement:
    """What an abstract states.

    Attributes:
        kinds: of the two; "Condition" for diseases and symptoms.
        status: asserted, possible or negated.
        action: of TARGETS, where it is given.
        probability: that medkg states.
    """

    document: str
    subject: Names
    relation: str
    object: Names
    kinds: tuple[str, str]
    status: str
    action: str | None = None
    probability: float = 1.0

    def same_as(self, other: Statement) -> bool:
        """Whether two are one statement, their status left aside."""
        if (self.document, self.relation) != (other.document, other.relation):
            return False
        if self.relation not in _EITHER_WAY:
            return self._ends_as(other.subject, other.object, other.kinds)
        turned = other.object, other.subject, other.kinds[::-1]
        return any(
            self._ends_as(*ends) for ends in ((other.subject, other.object, other.kinds), turned)
        )

    def _ends_as(self, subject: Names, tail: Names, kinds: tuple[str, str]) -> bool:
        return self.kinds == kinds and _share(self.subject, subject) and _share(self.object, tail)


def _share(some: Iterable[Sequence[str]], others: Iterable[Sequence[str]]) -> bool:
    """Whether a name of some holds all words of one of the others, or is held by it."""
    return any(set(a) <= set(b) or set(b) <= set(a) for a in some for b in others if a and b)


def _words(name: str) -> tuple[str, ...]:
    """The words of a name, without endings of the plural."""
    words = re.findall(r"[a-z]+|\d+|[α-ω]", name.lower())
    return tuple(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words)


def _kind(kind: str) -> str:
    return "Condition" if kind in _CONDITIONS else kind


def annotated(path: Path) -> list[Statement]:
    """The statements of a file of annotations."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        Statement(
            row["pmid"],
            frozenset(map(_words, row["subject"])),
            row["relation"],
            frozenset(map(_words, row["object"])),
            (_kind(row["subject_kind"]), _kind(row["object_kind"])),
            row["status"],
            row["action"],
        )
        for row in rows
        if not row.get("none")
    ]


def documents_of(path: Path) -> list[str]:
    """The abstracts that a file of annotations covers."""
    return sorted({json.loads(line)["pmid"] for line in path.read_text("utf-8").splitlines()})


def texts(corpora: Path, names: Iterable[str]) -> dict[str, str]:
    """The abstracts of these PMIDs: title, line break, abstract."""
    documents: dict[str, str] = {}
    for source in SOURCES:
        for document in read_pubtator(corpora / source, Quarantine()):
            documents.setdefault(document.id, document.text)
    return {name: documents[name] for name in sorted(set(names))}


def extracted(abstracts: Mapping[str, str], relations_model: Path | None) -> list[Statement]:
    """The statements of the graph that `extract` makes of the abstracts with its defaults."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "papers.jsonl"
        rows = [{"id": f"PMID:{name}", "text": text} for name, text in abstracts.items()]
        file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        kg = medkg.read_texts(file, texts="papers", relations_model=relations_model)
        kinds = dict(kg.nodes.select("id", "kind").iter_rows())
        evidence = kg.evidence.filter(pl.col("relation") != "MENTIONS")
        mentions = kg.evidence.filter(pl.col("relation") == "MENTIONS")
    names: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for row in mentions.iter_rows(named=True):
        place = json.loads(row["qualifiers"] or "{}")
        if place:
            text = abstracts[row["document"].removeprefix("PMID:")]
            name = text[place["mention_start"] : place["mention_end"]]
            names[row["document"], row["object"]].add(_words(name))
    grouped: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in evidence.iter_rows(named=True):
        status = "asserted"
        if row["certainty"] != "certain":
            status = "possible"
        if row["polarity"] == "negated":
            status = "negated"
        key = (row["document"], row["subject"], row["relation"], row["object"], status)
        grouped[key].append(row)
    return [_of_evidence(key, rows, names, kinds) for key, rows in sorted(grouped.items())]


def _of_evidence(
    key: tuple[str, ...],
    rows: list[dict[str, Any]],
    names: Mapping[tuple[str, str], Iterable[tuple[str, ...]]],
    kinds: Mapping[str, str],
) -> Statement:
    actions = {json.loads(row["qualifiers"]).get("action") for row in rows}
    document, subject, relation, tail, status = key
    return Statement(
        document.removeprefix("PMID:"),
        frozenset(names[document, subject]),
        relation,
        frozenset(names[document, tail]),
        (_kind(kinds[subject]), _kind(kinds[tail])),
        status,
        min(actions - {None}, default=None),
        max(row["probability"] for row in rows),
    )


def judged(
    statements: Iterable[Statement], true: Iterable[Statement]
) -> Iterator[tuple[Statement, bool]]:
    """Each asserted statement, and whether the annotation asserts it."""
    asserted = [statement for statement in true if statement.status == "asserted"]
    for statement in statements:
        if statement.status == "asserted":
            yield statement, any(statement.same_as(other) for other in asserted)


def table(statements: Sequence[Statement], true: Sequence[Statement]) -> pl.DataFrame:
    """Precision, recall and F1 of what is asserted, by relation and over all."""
    asserted = [statement for statement in true if statement.status == "asserted"]
    right = list(judged(statements, true))
    hit = [any(s.same_as(a) for s, good in right if good) for a in asserted]
    rows = []
    names = sorted({s.relation for s in (*statements, *asserted)})
    for name in ("all", *names):
        of_name = [good for s, good in right if name in ("all", s.relation)]
        of_true = [h for h, a in zip(hit, asserted, strict=True) if name in ("all", a.relation)]
        precision = sum(of_name) / max(1, len(of_name))
        recall = sum(of_true) / max(1, len(of_true))
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        rows.append((name, len(of_name), sum(of_name), precision, len(of_true), recall, f1))
    columns = ("relation", "asserted", "right", "precision", "true", "recall", "f1")
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("precision", "recall", "f1").round(3)
    )


def by_probability(right: Sequence[tuple[Statement, bool]]) -> pl.DataFrame:
    """How many statements are left, and right, where less probable ones are not asserted."""
    rows = []
    for least in LEAST:
        kept = [good for statement, good in right if statement.probability >= least]
        rows.append((least, len(kept), sum(kept), round(sum(kept) / max(1, len(kept)), 3)))
    columns = ("least probability", "asserted", "right", "precision")
    return pl.DataFrame(rows, schema=columns, orient="row")


def error_by_chance(
    probabilities: npt.NDArray[np.float64], draws: int = 500
) -> tuple[float, float, float]:
    """The calibration error of statements that are right as often as their probabilities say.

    Returns:
        The 5th percentile of many draws, their mean, and the 95th percentile.
    """
    generator = np.random.default_rng(0)
    errors = [
        expected_calibration_error(
            reliability_bins(probabilities, generator.random(len(probabilities)) < probabilities)
        )
        for _ in range(draws)
    ]
    low, high = np.percentile(errors, [5, 95])
    return float(low), float(np.mean(errors)), float(high)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpora", type=Path, nargs="?")
    parser.add_argument("--relations-model", type=Path)
    parser.add_argument("--agreement", action="store_true")
    parser.add_argument("--errors", action="store_true")
    given = parser.parse_args()
    pl.Config.set_tbl_rows(-1)
    first, second = FOLDER / "annotations.jsonl", FOLDER / "second_annotator.jsonl"
    true = annotated(first)
    if given.agreement:
        names = documents_of(second)
        print(table(annotated(second), [s for s in true if s.document in names]))
        return
    if given.corpora is None:
        parser.error("say where the corpora are")
    abstracts = texts(given.corpora, documents_of(first))
    statements = extracted(abstracts, given.relations_model)
    print(table(statements, true))
    right = list(judged(statements, true))
    print(by_probability(right))
    probabilities = np.array([s.probability for s, _ in right])
    bins = reliability_bins(probabilities, np.array([good for _, good in right]))
    print(f"expected calibration error {expected_calibration_error(bins):.3f}")
    low, mean, high = error_by_chance(probabilities)
    print(f"of such probabilities if they were right: {mean:.3f} (90 %: {low:.3f}–{high:.3f})")
    if given.errors:
        _print_errors(right, true)


def _print_errors(right: Sequence[tuple[Statement, bool]], true: Sequence[Statement]) -> None:
    for statement, good in right:
        if not good:
            print("wrong", _line(statement))
    for statement in true:
        if statement.status == "asserted" and not any(s.same_as(statement) for s, _ in right):
            print("missed", _line(statement))


def _line(statement: Statement) -> str:
    subject, tail = (
        " / ".join(sorted(map(" ".join, names))) for names in (statement.subject, statement.object)
    )
    probability = f"{statement.probability:.2f}"
    return f"{statement.document}\t{subject} {statement.relation} {tail} ({probability})"


if __name__ == "__main__":
    sys.exit(main())
