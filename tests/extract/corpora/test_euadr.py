"""The reader of EU-ADR, and the scores of relations on it; all sentences are made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.document import Relation
from medkg.extract.corpora.euadr import read_euadr
from medkg.extract.corpora.readers import format_of, read_annotated
from medkg.extract.relations.evaluate import evaluate_relations

# The published form: quoted cells between tabs.
COLUMNS = ["ASSOCIATION_TYPE", "PMID", "NUM_SENTENCE"]
COLUMNS += [f"ENTITY{n}_{part}" for n in (1, 2) for part in ("TEXT", "INI", "END", "TYPE")]
COLUMNS += ["SENTENCE"]
KINDS = {
    "drug": "Chemicals & Drugs",
    "disease": "Diseases & Disorders",
    "gene": "Genes & Molecular Sequences",
    "variant": "SNP & Sequence variations",
}


def table(path: Path, *rows: tuple[str, str, int, tuple[str, str], tuple[str, str], str]) -> Path:
    """Write rows: kind of association, PMID, number, two ends (name, kind), sentence."""
    lines = [COLUMNS]
    for association, name, number, *ends, sentence in rows:
        cells = [association, name, str(number)]
        for end, kind in ends:
            start = sentence.index(end)
            cells += [end, str(start), str(start + len(end)), KINDS[kind]]
        lines.append([*cells, sentence])
    text = "\n".join("\t".join(f'"{cell}"' for cell in line) for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


SECOND = "In mice zonurol cured gravel and left gout alone."
FIRST = "Zonurol for gravel: a trial."


def test_sentences_of_an_abstract_are_a_document_with_each_pair_as_annotated(
    tmp_path: Path,
) -> None:
    path = table(
        tmp_path / "pairs.csv",
        ("PA", "7", 4, ("gravel", "disease"), ("zonurol", "drug"), SECOND),
        ("FA", "7", 4, ("gout", "disease"), ("zonurol", "drug"), SECOND),
        ("SA", "7", 0, ("gravel", "disease"), ("Zonurol", "drug"), FIRST),
        ("NA", "8", 0, ("gravel", "disease"), ("Zonurol", "drug"), FIRST),
    )
    assert format_of(path) == "euadr"
    first, second = read_euadr(path, Quarantine())
    assert (first.id, first.text) == ("7", f"{FIRST}\n{SECOND}")
    names = {str(m.key): first.text[m.start : m.end] for m in first.mentions}
    assert sorted(names.values()) == ["Zonurol", "gout", "gravel", "gravel", "zonurol"]
    assert [(r.kind, names[r.head], names[r.tail]) for r in first.relations] == [
        ("PA", "gravel", "zonurol"),
        ("FA", "gout", "zonurol"),
        ("SA", "gravel", "Zonurol"),
    ]
    assert second.relations == [Relation("NA", "12-18", "0-7")]


def test_rows_that_cannot_be_used_are_set_aside(tmp_path: Path) -> None:
    path = table(
        tmp_path / "pairs.csv",
        ("PA", "7", 0, ("gravel", "disease"), ("Zonurol", "drug"), FIRST),
        ("XX", "7", 0, ("gravel", "disease"), ("Zonurol", "drug"), FIRST),
        ("PA", "7", 0, ("gravel", "disease"), ("zonurol", "drug"), SECOND),
    )
    with path.open("a", encoding="utf-8") as file:
        file.write('\n"PA"\t"9"\t"0"\n')
        cells = ["PA", "7", "0", "gravel", "3", "9", KINDS["disease"]]
        file.write("\t".join([*cells, "Zonurol", "0", "7", KINDS["drug"], FIRST]))
    quarantine = Quarantine()
    (document,) = read_euadr(path, quarantine)
    assert len(document.relations) == 1
    assert len(document.mentions) == 2
    assert quarantine.counts() == {
        "unknown kind of association": 1,
        "another sentence of that number": 1,
        "wrong number of columns": 1,
        "offsets don't match the text": 1,
    }


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.tsv"
    path.write_text("PMID\tSENTENCE\n7\tSome.\n", encoding="utf-8")
    with pytest.raises(DataError, match="no table of EU-ADR"):
        read_euadr(path, Quarantine())


def test_a_variant_is_no_target(tmp_path: Path) -> None:
    sentence = "The allele rs40404 of ZNR2 predisposes to gravel."
    ends = ("rs40404", "variant"), ("gravel", "disease")
    path = table(tmp_path / "pairs.csv", ("PA", "7", 0, *ends, sentence))
    (document,) = read_annotated(path, Quarantine(), labels={})
    assert [mention.kind for mention in document.mentions] == ["Disease"]


def test_relations_are_scored_on_the_annotated_pairs(tmp_path: Path) -> None:
    harm = "Amiodarone-induced thyrotoxicosis was seen; no patient had gout."
    mutated = "Mutations in TTN cause dilated cardiomyopathy; they had no gout."
    path = table(
        tmp_path / "pairs.csv",
        ("PA", "7", 0, ("Amiodarone", "drug"), ("thyrotoxicosis", "disease"), harm),
        ("NA", "7", 0, ("Amiodarone", "drug"), ("gout", "disease"), harm),
        ("SA", "8", 0, ("TTN", "gene"), ("dilated cardiomyopathy", "disease"), mutated),
        ("FA", "8", 0, ("TTN", "gene"), ("gout", "disease"), mutated),
    )
    rows = evaluate_relations(None, path)
    scores = {(row["relation"], row["method"]): row for row in rows.iter_rows(named=True)}
    for relation in ("CAUSES or TREATS", "ASSOCIATED_WITH"):
        every = scores[relation, "all pairs of a sentence"]
        assert (every["precision"], every["recall"], every["true"]) == (0.5, 1.0, 1)
        graph = scores[relation, "medkg, in a graph"]
        assert (graph["precision"], graph["recall"]) == (1.0, 1.0), relation
    assert len(scores) == 6
