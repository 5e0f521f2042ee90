"""Sequence variants, which are no drugs, targets or diseases."""

from __future__ import annotations

import pytest

from medkg.extract.mentions.recogniser import PredictedMention, clean_mentions
from medkg.extract.mentions.variants import is_sequence_unit, variants

from ..marked import pipeline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a p.Arg150Pro change", ["p.Arg150Pro"]),
        ("the 677C>T and 1298 A/C genotypes", ["677C>T", "1298 A/C genotypes"]),
        ("rs1801133 was typed", ["rs1801133"]),
        ("V600E and C282Y carriers", ["V600E", "C282Y"]),
        ("from methionine to valine at codon 404", ["methionine to valine at codon 404"]),
        ("arginine 150 proline", ["arginine 150 proline"]),
        ("an Arg-to-Trp substitution at position 12", ["Arg-to-Trp substitution at position 12"]),
        ("c.35delG", ["c.35delG"]),
        ("serum methionine and arginine fell", []),
        ("CYP2D6, TP53 and IL-6 were raised", []),
        ("v600e in lower case is no word of the nomenclature", []),
    ],
)
def test_variants_are_told(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in variants(text)] == expected


def test_what_lies_in_a_variant_is_no_mention() -> None:
    nlp = pipeline()
    text = "A methionine to valine change (M404V) of SQSTM1; methionine was given. Amino acids too."
    doc = nlp(text)
    names = [("methionine", 2), ("M404V", 31), ("SQSTM1", 41), ("methionine", 49)]
    names.append(("Amino acids", 71))
    mentions = [PredictedMention(text.index(n, at), text.index(n, at) + len(n), "Drug", 1.0)
                for n, at in names]  # fmt: skip
    kept = [text[m.start : m.end] for m in clean_mentions(doc, mentions)]
    assert kept == ["SQSTM1", "methionine"]
    assert is_sequence_unit("nucleotides")
    assert not is_sequence_unit("nucleotide analogue")
