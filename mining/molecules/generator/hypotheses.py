"""New molecules as hypotheses of a graph: nodes of their own kind, of which nothing is stated."""

from __future__ import annotations

import hashlib
import json
from datetime import date

import polars as pl
from rdkit import Chem

from ....graph.forget import MOLECULE, without_unpredicted
from ....graph.frames import Row, complete_nodes
from ....graph.kg import KnowledgeGraph
from ..structures import inchikey_skeleton, structures_of
from .generate import GeneratedMolecule, Generation

_RELATION = "TARGETS"
_DESCRIBED = ("smiles", "qed", "sa", "weight", "logp")


def molecule_hypotheses(
    made: Generation,
    kg: KnowledgeGraph,
    target: str,
    *,
    drugs: KnowledgeGraph | None = None,
    on: str | None = None,
) -> KnowledgeGraph:
    """Generated molecules as a graph: nodes Molecule, and predictions that they act on a target.

    A Molecule is no drug: no relation joins it, so that no evidence can be given of it, and what
    asks for drugs doesn't list it. Its identifier is its InChIKey; the same structure written again
    is the same node. Left out is what is not new: molecules that are a drug of the graph, or of
    which a better one has the same structure (by the InChIKey's first block), and those without an
    InChIKey.

    Args:
        made: by `generate_molecules`.
        kg: with the target.
        target: its identifier or name.
        drugs: with the drugs that are not new; by default `kg`. Of a server that the hypotheses are
            written to, `server.read(kinds=["Drug"], relations=[])`.
        on: the date, ISO 8601; by default today's.

    Returns:
        The molecules and the target. The predictions' `model` is this generation's name,
        `generated-lstm-` and a checksum of how it was made, by which it is forgotten; `score` is
        what ranked; there is no probability. `explanation` is JSON: the generator, its checksum,
        its library, seed, what guided it, how many ligands, and the nearest of them.

    Raises:
        MissingError: the graph has no such target.

    Example:
        >>> kg = medkg.load("starter")
        >>> made = medkg.generate_molecules(kg=kg, target="EGFR", n=3)
        >>> new = medkg.molecule_hypotheses(made, kg, "EGFR")
        >>> sorted(new.nodes["kind"].unique())
        ['Molecule', 'Target']
        >>> new.edges.height
        0
    """
    node = kg.resolve(target, "Target")
    target_alone = kg.subgraph([node], relations=[])
    held = {inchikey_skeleton(molecule) for molecule in structures_of(drugs or kg).molecules}
    name, nodes, predictions = generation_name(made, node), [], []
    date_made = on or date.today().isoformat()
    for row in made.molecules:
        molecule = Chem.MolFromSmiles(row["smiles"])
        key = str(Chem.MolToInchiKey(molecule))
        block = key.partition("-")[0]
        if not key or block in held:
            continue
        held.add(block)  # of tautomers, which are one InChIKey, the better one stays
        nodes.append(_node(row, key))
        ends = {"head": f"INCHIKEY:{key}", "relation": _RELATION, "tail": node}
        predictions.append({**ends, "model": name, "date": date_made, **_ranked(row, made)})
    if not nodes:
        return target_alone
    written = complete_nodes(pl.DataFrame(nodes))
    whole = target_alone.with_frames(nodes=pl.concat([target_alone.nodes, written]).sort("id"))
    return whole.with_predictions(pl.DataFrame(predictions))


def with_hypotheses(kg: KnowledgeGraph, hypotheses: KnowledgeGraph) -> KnowledgeGraph:
    """A graph with the molecules and predictions of `molecule_hypotheses`.

    Molecules that an earlier run of the same generation wrote and this one didn't are taken out.

    Raises:
        DataError: the graph lacks the target.
    """
    molecules = hypotheses.nodes.filter(kind=MOLECULE)
    nodes = pl.concat([kg.nodes, molecules]).unique("id", keep="first").sort("id")
    return without_unpredicted(kg.with_frames(nodes=nodes).with_predictions(hypotheses.predictions))


def generation_name(made: Generation, target: str) -> str:
    """The name of the predictions' model: the same generation for the same target has the same."""
    text = json.dumps({**made.record, "target": target}, sort_keys=True)
    return f"generated-{made.record['model']}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _node(row: GeneratedMolecule, key: str) -> Row:
    described = {name: value for name, value in row.items() if name in _DESCRIBED}
    return {
        "id": f"INCHIKEY:{key}",
        "kind": MOLECULE,
        "name": f"generated {key.partition('-')[0]}",
        "properties": json.dumps(described),
    }


def _ranked(row: GeneratedMolecule, made: Generation) -> Row:
    """By what a molecule was ranked, and why, as a prediction has it."""
    return {
        "score": row["similarity"] if row["score"] is None else row["score"],
        "rank": row["rank"],
        "direction": "head",
        "known": False,
        "explanation": json.dumps(_explanation(row, made), ensure_ascii=False),
    }


def _explanation(row: GeneratedMolecule, made: Generation) -> Row:
    """How a molecule was made, and by what it was ranked."""
    return {
        **made.record,
        "ligands": made.ligands,
        "ranked_by": "similarity" if row["score"] is None else "structure",
        "similarity": row["similarity"],
        "nearest": row["nearest"],
    }
