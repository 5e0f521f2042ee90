"""Rows to train the linker's ranker on."""

from __future__ import annotations

import polars as pl

from medkg.core.quarantine import Quarantine
from medkg.extract.corpora.document import Document, Mention
from medkg.extract.linking.train import training_rows
from medkg.graph.kg import KnowledgeGraph


def documents() -> list[Document]:
    texts = ["Fever was high.", "A fever came.", "Severe fever again.", "Fevers went."]
    corpus = []
    for number, text in enumerate(texts):
        start = text.lower().index("fever")
        mention = Mention(start, start + 5, "Disease", "D005334")
        corpus.append(Document(f"{number}", text, [mention], []))
    return corpus


def graph(*names: str) -> KnowledgeGraph:
    nodes = pl.DataFrame(
        {"id": [f"MESH:D{n:06d}" for n in range(len(names))], "kind": "Disease", "name": names}
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [], quarantine=Quarantine())


def test_every_mention_is_looked_up_in_each_terminology() -> None:
    small, large = [graph("pain")], [graph("pain"), graph("ache", "fever")]
    corpora = [(documents(), "pubtator")]
    in_small, in_large, both = (
        training_rows(corpora, terminologies)
        for terminologies in ([small], [large], [small, large])
    )
    assert in_small.right.any()
    assert both.right.tolist() == [*in_small.right, *in_large.right]
    # Whoever is looked up twice is two mentions, but of one fold.
    assert both.fold.tolist() == [*in_small.fold, *in_large.fold]
    assert set(both.mention[: len(in_small.right)]).isdisjoint(both.mention[len(in_small.right) :])
