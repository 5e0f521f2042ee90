"""CURIEs (compact identifiers such as HP:0001945), name keys, and content ids."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable

import polars as pl

from .errors import SchemaError

CURIE = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):(\S+)")

# How sources spell a prefix, to how medkg does (which is how Biolink does, but for ORPHA, where
# HPO's spelling is the one users see).
_SPELLINGS = {
    "mondo": "MONDO",
    "omim": "OMIM",
    "mim": "OMIM",
    "orpha": "ORPHA",
    "orphanet": "ORPHA",
    "ordo": "ORPHA",
    "decipher": "DECIPHER",
    "doid": "DOID",
    "mesh": "MESH",
    "msh": "MESH",
    "umls": "UMLS",
    "umls_cui": "UMLS",
    "icd10cm": "ICD10CM",
    "icd-10": "ICD10",
    "icd10": "ICD10",
    "snomedct": "SNOMEDCT",
    "snomedct_us": "SNOMEDCT",
    "sctid": "SNOMEDCT",
    "hp": "HP",
    "hpo": "HP",
    "drugbank": "drugbank",
    "chebi": "CHEBI",
    "rxcui": "RXCUI",
    "rxnorm": "RXCUI",
    "hgnc": "HGNC",
    "ncbigene": "NCBIGene",
    "entrez": "NCBIGene",
    "ensembl": "ENSEMBL",
    "uniprotkb": "UniProtKB",
    "uniprot": "UniProtKB",
    "ndfrt": "NDFRT",
    "uberon": "UBERON",
    "go": "GO",
    "pmid": "PMID",
    "pubmed": "PMID",
    "doi": "DOI",
    "loinc": "LOINC",
}


def normalise_curie(text: str) -> str:
    """The CURIE with its prefix in the standard spelling, `ORPHANET:558` → `ORPHA:558`.

    Raises:
        SchemaError: the text is no CURIE.
    """
    match = CURIE.fullmatch(text.strip())
    if match is None:
        raise SchemaError(f"{text!r} is no CURIE; write prefix:identifier, as in HP:0001945")
    prefix, local = match.groups()
    return f"{_SPELLINGS.get(prefix.lower(), prefix)}:{local}"


def is_curie(text: str) -> bool:
    """Whether the text has the form prefix:identifier, without white space."""
    return CURIE.fullmatch(text) is not None


def name_key(column: pl.Expr) -> pl.Expr:
    """Names as keys for look-up: lower case, letters and digits, single spaces."""
    return (
        column.str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"[^\p{L}\p{N}]+", " ")
        .str.strip_chars()
    )


def name_key_of(name: str) -> str:
    """The key of one name; see `name_key`."""
    return str(pl.select(name_key(pl.lit(name))).item())


def content_ids(rows: Iterable[str]) -> list[str]:
    """An id for each text: 72 bits of BLAKE2b as 12 URL-safe characters.

    Twelve characters are what an Arrow string view holds without a second look-up. Among ten
    million ids the probability of any collision is about 1e-8.
    """
    return [
        urlsafe_b64encode(hashlib.blake2b(row.encode(), digest_size=9).digest()).decode()
        for row in rows
    ]
