"""A graph with everything that an export may trip over."""

from __future__ import annotations

import json

import polars as pl

from medkg.graph.frames import NODES, Source
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge

from .graphs import small

NASTY = [
    'a "quoted" name, with comma',
    "tab\there",
    "line\nend\r\nand more",
    "bar|and ; semicolon",
    "back\\slash \\n \\t \\\\ \\",
    " spaces at both ends ",
    "🧬 עברית العربية \u202eRTL\u202c 中文",
    "'single', `back`, {curly}, [square], <tag> & amp;",
    "#hash and %percent $dollar",
    "\u00a0no-break\u2028line separator\u0085",
    '"',
    "\\N",
    "null",
    "-1.5e3",
    "true",
]
ODD = Source(
    "odd, source", '2 \u2013 "beta"', "CC BY 4.0; see\nhttps://example.org/licence", "", 0.7
)


def full() -> KnowledgeGraph:
    """Nasty text everywhere, every sort of property, merged nodes, predictions, odd evidence."""
    properties = [
        {"weight": 1.5, "groups": ["approved", "withdrawn"], "known": True, "count": 7},
        {"weight": "heavy", "note": "line\nend", "groups": ["a;b", "c|d"]},
        {
            "weight": 2.0,
            "nested": {"a": [1, None]},
            "odd:name": "x",
            'a "b", c': 1,
            "": "nameless",
            "empty": [],
        },
    ]
    names = [*NASTY, "Imatinib"]
    drugs = pl.DataFrame(
        {
            "id": [f"CHEBI:{number}" for number in range(len(names))],
            "kind": "Drug",
            "name": names,
            "synonyms": [NASTY[at:] for at in range(len(names))],
            "xrefs": [[] for _ in NASTY] + [["drugbank:DB00619"]],
            "properties": [
                json.dumps(properties[at % 3], ensure_ascii=False) if at % 4 else None
                for at in range(len(names))
            ],
        },
        schema={name: NODES[name] for name in ("id", "kind", "name", "synonyms", "xrefs")}
        | {"properties": pl.String},
    )
    others = pl.DataFrame(
        [
            ("HP:1", "Symptom", "Pain"),
            ("NCBIGene:1", "Target", "A1BG"),
            ("patient:x", "Patient", "x"),
        ],
        schema=["id", "kind", "name"],
        orient="row",
    )
    rows: list[dict[str, object]] = []
    for at, text in enumerate(NASTY):
        rows.append(
            _evidence(
                f"CHEBI:{at}", "CAUSES", "HP:1", sentence=text, document=f"PMID:{at}", start=at
            )
        )
        rows.append(_evidence(f"CHEBI:{at}", "TARGETS", "NCBIGene:1", qualifiers={"action": text}))
        rows.append(
            _evidence(
                f"CHEBI:{at}", "CAUSES", "HP:1", references=[text, "PMID:1"], polarity="negated"
            )
        )
    rows += [
        _evidence("CHEBI:1", "UPREGULATES", "NCBIGene:1"),
        _evidence("CHEBI:1", "DOWNREGULATES", "NCBIGene:1", probability=0.1 + 0.2),
        _evidence("patient:x", "LACKS_PHENOTYPE", "HP:1", level="observed"),
        _evidence("patient:x", "HAS_PHENOTYPE", "HP:1", experiencer="family"),
        _evidence("patient:x", "TAKES", "CHEBI:2", temporality="historical", date="2026-01-02"),
        _evidence("CHEBI:3", "INTERACTS_WITH", "CHEBI:2", certainty="hypothetical"),
        _evidence(f"CHEBI:{len(NASTY)}", "TARGETS", "NCBIGene:1", qualifiers={"role": "target"}),
    ]
    graph = KnowledgeGraph.build(
        pl.concat([drugs, others], how="diagonal"), pl.DataFrame(rows), [ODD]
    )
    merged = merge(small(), graph)
    assert merged.merges.height
    predictions = pl.DataFrame(
        [
            {
                "head": "CHEBI:1",
                "relation": "TREATS",
                "tail": "OMIM:606764",
                "model": 'model "one", 🧬',
                "score": -1.25e-7,
                "probability": 0.3,
                "base_rate": 0.01,
                "rank": 1,
                "direction": "tail",
                "known": False,
                "date": "2026-01-01",
                "explanation": json.dumps({"paths": [{"sentence": "Secret.", "source": "text"}]}),
            },
            {
                "head": "CHEBI:2",
                "relation": "TREATS",
                "tail": "OMIM:606764",
                "model": "two",
                "score": 3.0,
                "known": True,
            },
        ]
    )
    return merged.with_predictions(predictions)


def _evidence(subject: str, relation: str, tail: str, **more: object) -> dict[str, object]:
    qualifiers = more.pop("qualifiers", None)
    return {
        "subject": subject,
        "relation": relation,
        "object": tail,
        "source": ODD.name,
        "release": ODD.release,
        "document": None,
        "sentence": None,
        "start": None,
        "date": None,
        "level": "text-mined",
        "polarity": "asserted",
        "certainty": "certain",
        "experiencer": "patient",
        "temporality": "current",
        "probability": 0.5,
        "references": [],
        "qualifiers": json.dumps(qualifiers, ensure_ascii=False) if qualifiers else None,
        **more,
    }
