"""Find the identifiers of the common diseases' names, and of their findings.

    python benchmarks/common_identifiers.py            writes loaders/data/common/identifiers.tsv
    python benchmarks/common_identifiers.py --check    exits 1 if that file isn't what this derives

By the sources and the rules of `starter_identifiers.py`; of findings HPO's identifier alone is
kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from starter_identifiers import (
    Row,
    data_folder,
    read_sources,
    rows_in,
    rows_of_findings,
    synonyms_in,
    without_shared,
    write_or_check,
)

COMMON = Path(__file__).resolve().parents[1] / "loaders" / "data" / "common"


def main() -> int:
    """Write identifiers.tsv, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 on a difference")
    diseases = synonyms_in(COMMON, "diseases.tsv", "disease")
    findings = {row["finding"] for row in rows_in([COMMON / "findings.tsv"])}
    check = parser.parse_args().check
    rows = rows_of_findings(diseases, findings, read_sources(data_folder()))
    return write_or_check([_hpo_alone(row) for row in without_shared([*rows])], COMMON, check=check)


def _hpo_alone(row: Row) -> Row:
    kind, name, identifier, _, evidence = row
    return row if kind == "Disease" else (kind, name, identifier, "", evidence)


if __name__ == "__main__":
    sys.exit(main())
