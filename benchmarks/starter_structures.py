"""Write the structures of the starter set's small molecules that RDKit confirms.

    python benchmarks/starter_structures.py            writes loaders/data/starter/structures.tsv
    python benchmarks/starter_structures.py --check    exits 1 if that file isn't what this derives

Source: the InChI of Hetionet's compounds (folder of data: MEDKG_DATA, or ../shared/data), joined by
the DrugBank identifiers of `identifiers.tsv`; of drugs, and of those that only notes name
(`names.tsv`: caffeine). A row is taken where RDKit reads the InChI and writes
the same standard InChI from the molecule; of one that isn't standard (`InChI=1/…`), the standard
InChI of the same layers is tried. A drug that has a modality (an antibody, …) gets none, but
for salts of metals.
"""

from __future__ import annotations

import argparse
import lzma
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from rdkit import Chem, RDLogger
from starter_identifiers import STARTER, data_folder, rows_in, rows_of

from medkg.loaders.drug_facts import modalities

HEADER = ("drug", "inchi")


def hetionet_structures(path: Path) -> dict[str, str]:
    """The InChI of Hetionet's compounds, by CURIE."""
    structures = {}
    with lzma.open(path, "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            identifier, _, kind, inchi = line.rstrip("\n").split("\t")
            if kind == "Compound" and inchi:
                structures["drugbank:" + identifier.partition("::")[2]] = inchi
    return structures


def confirmed(inchi: str) -> str | None:
    """The standard InChI of the same layers, if RDKit writes it again from what it reads in it."""
    standard = inchi.replace("InChI=1/", "InChI=1S/")
    molecule = Chem.MolFromInchi(standard)
    return standard if molecule is not None and Chem.MolToInchi(molecule) == standard else None


def choose(structures: Mapping[str, str]) -> tuple[list[tuple[str, str]], Counter[str]]:
    """The rows (drug, InChI), and why the other drugs of the set have none."""
    ids = {
        row["name"]: row["id"]
        for row in rows_in([STARTER / "identifiers.tsv"])
        if row["kind"] == "Drug"
    }
    everyday = [row["name"] for row in rows_in([STARTER / "names.tsv"]) if row["kind"] == "Drug"]
    drugs = sorted([*(row["drug"] for row in rows_of("drugs")), *everyday])
    rows, left_out = [], Counter[str]()
    for drug, modality in zip(drugs, modalities(pl.Series(drugs)), strict=True):
        inchi = structures.get(ids[drug])
        if modality not in (None, "mineral salt"):  # a salt has a structure
            left_out["no small molecule"] += 1
        elif inchi is None:
            left_out["no structure in Hetionet"] += 1
        elif (standard := confirmed(inchi)) is None:
            left_out["not confirmed by RDKit"] += 1
        else:
            rows.append((drug, standard))
    return rows, left_out


def main() -> int:
    """Write structures.tsv, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 on a difference")
    check = parser.parse_args().check
    RDLogger.DisableLog("rdApp.*")
    rows, left_out = choose(hetionet_structures(data_folder() / "hetionet" / "nodes.tsv.xz"))
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
    print(f"{len(rows)} structures; left out: {reasons}")
    text = "".join("\t".join(row) + "\n" for row in (HEADER, *rows))
    path = STARTER / "structures.tsv"
    if check:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path.name} differs from what Hetionet and RDKit give", file=sys.stderr)
            return 1
        return 0
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
