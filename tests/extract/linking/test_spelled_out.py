"""What a document's own short forms can't mean."""

from __future__ import annotations

import polars as pl
import pytest

from medkg.extract.linking.linker import Linker
from medkg.extract.linking.links import LinkQuery
from medkg.graph.kg import KnowledgeGraph

NAMES = [
    ("HP:0001644", "Symptom", "Dilated cardiomyopathy", ["DCM", "Cardiomyopathy, dilated"]),
    ("MESH:D058065", "Disease", "Diabetic cardiomyopathy", []),
    ("MESH:D002578", "Disease", "Cervical intraepithelial neoplasia", ["CIN"]),
    ("MESH:D020773", "Disease", "Headache disorder", []),
    ("drugbank:DB00091", "Drug", "Cyclosporine", ["CsA", "Cyclosporin A"]),
    ("drugbank:DB00864", "Drug", "Tacrolimus", ["FK506"]),
]


@pytest.fixture(scope="module")
def linker() -> Linker:
    columns = {"id": pl.String, "kind": pl.String, "name": pl.String}
    schema = {**columns, "synonyms": pl.List(pl.String)}
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    nodes = pl.DataFrame(NAMES, schema=schema, orient="row")
    return Linker(KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), []))


@pytest.mark.parametrize(
    ("kind", "short", "long", "identifier"),
    [
        # The node of what is spelled out, though another has the short form as a name.
        ("Disease", "DCM", "Diabetic cardiomyopathy", "MESH:D058065"),
        ("Disease", "DCM", "dilated cardiomyopathy", "HP:0001644"),
        ("Disease", "DCM", None, "HP:0001644"),
        # No node has what is spelled out; the one of the letters spells them otherwise.
        ("Disease", "CIN", "contrast media-induced nephropathy", None),
        ("Disease", "CIN", "cervical intra-epithelial neoplasms", "MESH:D002578"),
        # The long form begins too early, and a synonym without the letters says nothing.
        ("Drug", "CsA", "conversion in patients given cyclosporine", "drugbank:DB00091"),
        ("Drug", "FK506", "fermented kabi 506", "drugbank:DB00864"),
    ],
)
def test_a_short_form_means_what_the_document_spells_it_out_as(
    linker: Linker, kind: str, short: str, long: str | None, identifier: str | None
) -> None:
    links = linker.in_document([LinkQuery(short, kind, long)])[0]
    first = links[0].identifier if links and links[0].score >= linker.threshold else None
    assert first == identifier
