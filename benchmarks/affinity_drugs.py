"""Find which compounds of Davis and KIBA are drugs of Hetionet, by their structures.

    python benchmarks/affinity_drugs.py            writes loaders/data/affinity_drugs.tsv
    python benchmarks/affinity_drugs.py --check    exits 1 if that file isn't what this derives

Reads Hetionet's nodes and the structures of both sets (folder of data: MEDKG_DATA, or
../shared/data). Compounds are one where the first block of their InChIKey is the same once salts,
charges and tautomers are standardised, and one alone on either side has it. The sets' SMILES have
no stereochemistry, so a structure that can have stereoisomers tells nothing of which one was
measured, and is joined to none; except Davis' compounds to Hetionet's, as these are the drugs
themselves.
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl
from rdkit import Chem

from medkg.core.json_reading import read_json
from medkg.mining.molecules.structures import inchikey_skeleton, parse

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "loaders" / "data" / "affinity_drugs.tsv"
HEADER = """\
# The compounds of Davis and KIBA that have the structure of a drug of Hetionet, with its name and
# identifier, or of one another. Derived by benchmarks/affinity_drugs.py, which says how.
"""


class Compound(NamedTuple):
    """A compound: its identifier as a CURIE, its name, and whether it can have stereoisomers."""

    curie: str
    name: str
    has_stereoisomers: bool


def by_skeleton(rows: Iterable[tuple[str, str, str]]) -> dict[str, Compound]:
    """Compounds (identifier, name, structure) by skeleton; those that share one are left out."""
    sharing: dict[str, list[Compound]] = defaultdict(list)
    for curie, name, structure in rows:
        if (molecule := parse(structure).molecule) is not None:
            stereo = bool(list(Chem.FindPotentialStereo(molecule)))
            sharing[inchikey_skeleton(molecule)].append(Compound(curie, name, stereo))
    return {key: compounds[0] for key, compounds in sharing.items() if len(compounds) == 1}


def hetionet(data: Path) -> dict[str, Compound]:
    """The compounds of Hetionet that have a structure."""
    text = lzma.decompress((data / "hetionet" / "nodes.tsv.xz").read_bytes())
    nodes = pl.read_csv(text, separator="\t", quote_char=None, infer_schema=False)
    rows = nodes.filter(kind="Compound").drop_nulls("inchi").select("id", "name", "inchi").rows()
    return by_skeleton((f"drugbank:{i.removeprefix('Compound::')}", n, s) for i, n, s in rows)


def ligands(data: Path, name: str, prefix: str) -> dict[str, Compound]:
    """The compounds of one of the two sets."""
    smiles = read_json(data / "molecules" / "affinity" / name / "ligands_can.txt.xz")
    return by_skeleton((f"{prefix}:{local}", "", text) for local, text in smiles.items())


def table(data: Path) -> str:
    """The whole table as text."""
    drugs = hetionet(data)
    davis = ligands(data, "davis", "PUBCHEM.COMPOUND")
    kiba = ligands(data, "kiba", "CHEMBL.COMPOUND")
    rows = [row for key in davis if (row := _row(key, davis, [drugs, kiba], [True, False]))]
    rows += [row for key in kiba if (row := _row(key, kiba, [drugs], [False]))]
    text = io.StringIO()
    text.write(f"{HEADER}id\tname\txrefs\n")
    text.writelines("\t".join(row) + "\n" for row in sorted(rows))
    return text.getvalue()


def _row(
    key: str,
    own: Mapping[str, Compound],
    others: list[dict[str, Compound]],
    any_stereo: list[bool],
) -> tuple[str, str, str] | None:
    """The row of a compound, or None where it is joined to none of the others."""
    joined = [
        other[key]
        for other, regardless in zip(others, any_stereo, strict=True)
        if key in other and (regardless or not own[key].has_stereoisomers)
    ]
    if not joined:
        return None
    name = next((compound.name for compound in joined if compound.name), "")
    return own[key].curie, name, "|".join(compound.curie for compound in joined)


def main() -> int:
    """Write the table, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    arguments = parser.parse_args()
    text = table(Path(os.environ.get("MEDKG_DATA", ROOT.parent / "shared" / "data")))
    if arguments.check:
        return int(TABLE.read_text(encoding="utf-8") != text)
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
