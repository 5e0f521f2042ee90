"""What later loads bring: what an earlier one asserted is not new, whatever was written again."""

from __future__ import annotations

import polars as pl
import pytest

from medkg.cypher import library
from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import Store

DRUG = "drugbank:DB00619"
KIT, ABL1, EGFR = "NCBIGene:3815", "NCBIGene:25", "NCBIGene:1956"
STATED = {"certainty": "certain", "experiencer": "patient", "temporality": "current"}


def released(release: str, statements: list[tuple[str, dict[str, str]]]) -> KnowledgeGraph:
    """What a release says that the drug acts on, and how far each statement is an assertion."""
    nodes = {DRUG: "Drug", KIT: "Target", ABL1: "Target", EGFR: "Target"}
    return KnowledgeGraph.build(
        pl.DataFrame(
            [(n, kind, n) for n, kind in nodes.items()], ["id", "kind", "name"], orient="row"
        ),
        pl.DataFrame(
            [
                {"subject": DRUG, "relation": "TARGETS", "object": target, **STATED, **but}
                for target, but in statements
            ]
        ).with_columns(source=pl.lit("curated"), release=pl.lit(release)),
        [Source("curated", release, "CC0-1.0")],
    )


def news(store: Store, since: str | None = None) -> list[tuple[str, str, bool]]:
    rows = library.get("new_since_last_load").run(store, entity=DRUG, since=since)
    return sorted(rows.select("other", "evidence", "is_new").rows())


@pytest.mark.parametrize(
    "but", [{"certainty": "hypothetical"}, {"experiencer": "family"}, {"temporality": "historical"}]
)
def test_what_an_earlier_load_asserted_is_not_new(store: Store, but: dict[str, str]) -> None:
    first = store.write(released("1", [(KIT, {}), (ABL1, but)])).load
    later = [(KIT, {}), (ABL1, but), (ABL1, {}), (EGFR, {})]
    second = store.write(released("2", later))
    assert second.evidence.changed == 2
    # Of KIT and ABL1 there was evidence, which release 2 states again; an assertion only of KIT.
    rows = [(EGFR, True), (KIT, False), (ABL1, False), (ABL1, True)]
    expected = sorted((other, "curated", is_new) for other, is_new in rows)
    assert news(store) == expected
    assert news(store, since=second.load) == expected
    assert news(store, since=first) == sorted(
        (other, "curated", is_new or other == KIT) for other, is_new in rows
    )
    # A third release, and another drug's load, leave what came first as it is.
    store.write(released("3", later))
    assert news(store) == [(other, "curated", False) for other, *_ in expected]
    assert store.read().evidence["release"].unique().to_list() == ["3"]
