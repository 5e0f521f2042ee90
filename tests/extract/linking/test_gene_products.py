"""Symbols in names of targets that are none as a whole."""

from __future__ import annotations

import pytest

from medkg.extract.linking.gene_products import Product, product_of, protein_of


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("EGFR kinase", Product("EGFR", False, True)),
        ("hERG potassium channel", Product("hERG", False, True)),
        ("p53 protein", Product("p53", False, False)),
        ("Serum IL-6", Product("IL-6", False, False)),
        ("mutant HFE C282Y mutation", Product("HFE", False, False)),
        ("P2Y12 receptor", Product("P2Y12", True, False)),
        ("EGFR", None),
        ("some protein", None),
        ("insulin receptor substrate 1", None),
        ("", None),
    ],
)
def test_the_symbol_and_what_it_is_called(name: str, product: Product | None) -> None:
    assert product_of(name) == product


@pytest.mark.parametrize(
    ("name", "protein"),
    [
        ("dystrophin gene", "dystrophin"),
        ("methylenetetrahydrofolate reductase mRNA", "methylenetetrahydrofolate reductase"),
        ("dystrophin", None),
        ("some genes", None),
    ],
)
def test_the_protein_of_a_gene(name: str, protein: str | None) -> None:
    assert protein_of(name) == protein
