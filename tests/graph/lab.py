"""A graph as a laboratory has it on its server: made without medkg, with names of its own."""

from __future__ import annotations

from pathlib import Path

from medkg.graph.store import Store

from ..servers import change

MAPPING = """\
source: {name: lab, release: "2030-05", licence: our own, reliability: 0.9}
tables:
  - label: Compound
    where: [{column: withdrawn, is_not: "true"}]
    nodes:
      - kind: Drug
        id: "drugbank:{dbid}"
        name: "{name}"
        synonyms: "{brands}"
        properties: {weight: {value: "{mol weight}", number: true}}
  - label: Gene Product
    nodes: [{kind: Target, id: "NCBIGene:{entrez}", name: "{symbol}"}]
  - relationship: BINDS TO
    start: Compound
    end: Gene Product
    edges:
      - head: {kind: Drug, id: "drugbank:{start.dbid}"}
        relation: TARGETS
        tail: {kind: Target, id: "NCBIGene:{end.entrez}"}
        references: {value: "{pmids}", prefix: "PMID:"}
        probability: "{confidence}"
        date: "{day}"
"""

# Of the labels that medkg's store has for itself, too, and of its predictions' type.
_STATEMENTS = """\
CREATE (a:Compound:Approved {dbid: 'DB00619', name: 'imatinib', brands: ['Gleevec', 'Glivec'],
    `mol weight`: 493.6, withdrawn: false})
CREATE (b:Compound {dbid: 'DB01254', name: 'dasatinib', brands: 'Sprycel'})
CREATE (c:Compound {name: 'compound 7', notes: 'no number yet'})
CREATE (d:Compound {dbid: 'DB00001', name: 'withdrawnol', withdrawn: true})
CREATE (p:`Gene Product` {entrez: 25, symbol: 'ABL1'})
CREATE (q:`Gene Product` {entrez: 3815, symbol: 'KIT'})
CREATE (r:`Gene Product` {entrez: 3815, symbol: 'KIT, mutated'})
CREATE (e:Person {name: 'Eve'})
CREATE (f:Evidence {id: 'ours', source: 'lab', edge: 'x'})
CREATE (g:Source {name: 'lab'})
CREATE (a)-[:`BINDS TO` {pmids: [1, 2], confidence: 0.8, day: date('2030-04-01')}]->(p)
CREATE (b)-[:`BINDS TO` {pmids: [3]}]->(p)
CREATE (c)-[:`BINDS TO`]->(q)
CREATE (e)-[:MADE]->(a)
CREATE (a)-[:PREDICTED_TARGETS {by: 'Eve', model: 'm'}]->(q)
"""


def lab(store: Store, folder: Path) -> Path:
    """Fill an empty server; returns the file of the mapping."""
    change(store, _STATEMENTS)
    mapping = folder / "lab.yaml"
    mapping.write_text(MAPPING, encoding="utf-8")
    return mapping


def everything(store: Store) -> list[list[str]]:
    """All nodes and relationships of a server, with identity, and a Neo4j's constraints, indexes.

    Not through medkg, whose guard refuses to list constraints.
    """
    queries = [
        "MATCH (n) RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS values",
        "MATCH (a)-[r]->(b) RETURN elementId(r) AS id, elementId(a) AS a, type(r) AS type,"
        " elementId(b) AS b, properties(r) AS values",
    ]
    if store.connection.is_neo4j():
        queries += ["SHOW CONSTRAINTS YIELD name, type", "SHOW INDEXES YIELD name, type"]
    else:
        queries.append("CALL db.labels() YIELD label RETURN label")
    with store.connection.driver.session(database=store.database) as session:
        return [sorted(str(sorted(row.items())) for row in session.run(q).data()) for q in queries]
