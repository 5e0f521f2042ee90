"""A graph of drugs with structures, and a model of them, for the tests that need one."""

from __future__ import annotations

import json

import polars as pl
import pytest

from medkg.graph.frames import Source
from medkg.graph.kg import KnowledgeGraph
from medkg.mining.links.load import load_link_model
from medkg.mining.links.model import LinkModel
from medkg.mining.links.train import train_links

# Five scaffolds, each with what may hang on it: drugs of a scaffold share targets.
SCAFFOLDS = (
    "c1ccc2c(c1)[nH]cc2CC{}",
    "O=C1CN=C(c2ccccc2)c2cc({})ccc2N1",
    "CN1CCC(CC1)c1ccc({})cc1",
    "O=S(=O)(N)c1ccc({})cc1",
    "C1CCC2C(C1)CCC1C2CCC2CC({})CCC12",
)
GROUPS = ("C", "CC", "N", "NC", "O", "OC", "Cl", "F", "CO", "C(=O)O", "C(=O)N", "CN")
SYMBOLS = ("HTR1A", "GABRA1", "OPRM1", "CA2", "AR")


@pytest.fixture(scope="session")
def molecule_graph() -> KnowledgeGraph:
    """60 drugs on five scaffolds; each has its scaffold's target, every second a sibling of it."""
    nodes: list[tuple[str, str, str, str | None]] = []
    rows = []
    for s, (scaffold, symbol) in enumerate(zip(SCAFFOLDS, SYMBOLS, strict=True)):
        nodes.append((f"NCBIGene:{s}0", "Target", symbol, None))
        nodes.append((f"NCBIGene:{s}1", "Target", symbol[:-1] + "9", None))
        for g, group in enumerate(GROUPS):
            drug = f"drugbank:DB{s:02}{g:03}"
            smiles = json.dumps({"smiles": scaffold.format(group)})
            nodes.append((drug, "Drug", f"drug {s}-{g}", smiles))
            rows.append((drug, "TARGETS", f"NCBIGene:{s}0"))
            if g % 2:
                rows.append((drug, "TARGETS", f"NCBIGene:{s}1"))
    nodes += [(f"NCBIGene:9{n:02}", "Target", f"LONELY{n}X", None) for n in range(30)]
    rows.append(("NCBIGene:900", "INTERACTS_WITH", "NCBIGene:00"))
    columns = ["id", "kind", "name", "properties"]
    frame = pl.DataFrame(nodes, schema=columns, orient="row", infer_schema_length=None)
    evidence = pl.DataFrame(
        rows, schema=["subject", "relation", "object"], orient="row"
    ).with_columns(source=pl.lit("made"))
    return KnowledgeGraph.build(frame, evidence, [Source("made", "1", "CC0-1.0")])


@pytest.fixture(scope="session")
def structure_model(
    molecule_graph: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory
) -> LinkModel:
    path = tmp_path_factory.mktemp("structure")
    molecule_graph.save(path / "kg")
    train_links(molecule_graph, model="structure", out=path / "model", graph_path=path / "kg")
    return load_link_model(path / "model")
