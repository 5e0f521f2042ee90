"""Writes graph/prefixes.json, the table of identifier prefixes, from the Bioregistry.

    pip install bioregistry
    python benchmarks/prefixes.py

The Bioregistry (Hoyt et al., 2022, https://doi.org/10.1038/s41597-022-01807-3; its data are CC0)
takes 1.3 s and 100 MB to import and 1.4 s more to make its converter, so medkg ships what it needs
of it as an extended prefix map, which the `curies` package reads in some milliseconds.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bioregistry

OUT = Path(__file__).resolve().parents[1] / "graph" / "prefixes.json"

# Our spelling (Biolink's, where it has one; ORPHA as HPO's users see it; drugbank in lower case)
# and the Bioregistry's prefixes for it.
# What the schema's kinds prefer; the identifiers of these are checked against their pattern.
PREFERRED = {
    "MONDO": ["mondo"],
    "OMIM": ["omim"],
    "ORPHA": ["orphanet", "orphanet.ordo"],
    "DECIPHER": ["decipher"],
    "DOID": ["doid"],
    "MESH": ["mesh"],
    "UMLS": ["umls"],
    "ICD10CM": ["icd10cm"],
    "SNOMEDCT": ["snomedct"],
    "HP": ["hp"],
    "drugbank": ["drugbank"],
    "CHEBI": ["chebi"],
    "RXCUI": ["rxnorm"],
    "HGNC": ["hgnc"],
    "NCBIGene": ["ncbigene"],
    "ENSEMBL": ["ensembl"],
    "UniProtKB": ["uniprot"],
    "NDFRT": ["ndfrt"],
    "ATC": ["atc"],
    "UBERON": ["uberon"],
    "FMA": ["fma"],
    "REACT": ["reactome"],
    "WP": ["wikipathways"],
    "KEGG.PATHWAY": ["kegg.pathway"],
    "GO": ["go"],
    "ECTO": ["ecto"],
    "LOINC": ["loinc"],
    "INCHIKEY": ["inchikey"],
    "PMID": ["pubmed"],
    "DOI": ["doi"],
}
# What else cross-references use.
OTHERS = {
    "BFO": ["bfo"],
    "BTO": ["bto"],
    "CAS": ["cas"],
    "CHEMBL.COMPOUND": ["chembl.compound"],
    "CL": ["cl"],
    "CLINVAR": ["clinvar"],
    "CLO": ["clo"],
    "DBSNP": ["dbsnp"],
    "DrugCentral": ["drugcentral"],
    "ECO": ["eco"],
    "EFO": ["efo"],
    "ENVO": ["envo"],
    "ExO": ["exo"],
    "FOODON": ["foodon"],
    "GARD": ["gard"],
    "GTOPDB": ["iuphar.ligand"],
    "ICD10": ["icd10"],
    "ICD11": ["icd11"],
    "ICD9CM": ["icd9cm"],
    "ICDO": ["icdo"],
    "KEGG.COMPOUND": ["kegg.compound"],
    "KEGG.DRUG": ["kegg.drug"],
    "MAXO": ["maxo"],
    "MEDDRA": ["meddra"],
    "MEDGEN": ["medgen"],
    "MP": ["mp"],
    "NBO": ["nbo"],
    "NCBITaxon": ["ncbitaxon"],
    "NCIT": ["ncit"],
    "NCT": ["clinicaltrials"],
    "OBA": ["oba"],
    "OBI": ["obi"],
    "OMIMPS": ["omim.ps"],
    "PATO": ["pato"],
    "PMC": ["pmc"],
    "PR": ["pr"],
    "PUBCHEM.COMPOUND": ["pubchem.compound"],
    "PW": ["pw"],
    "RO": ["ro"],
    "SMPDB": ["smpdb"],
    "SO": ["so"],
    "UNII": ["unii"],
    "UO": ["uo"],
}

# Spellings that sources use and the Bioregistry does not list.
ALSO = {
    "ORPHA": ["ordo"],
    "HGNC": ["hgnc_id"],
    "ICD10CM": ["icd-10-cm", "icd_10_cm"],
    "MONDO": ["mondo_id"],
    "NCBIGene": ["ncbi_gene", "ncbi gene"],
    "RXCUI": ["rxnorm_cui"],
    "UniProtKB": ["uniprotkb/swiss-prot", "uniprotkb/trembl"],
    "KEGG.PATHWAY": ["path"],
}

# Patterns that are too narrow in the Bioregistry: a code of ICD-10-CM may be a category without a
# decimal (I10) or a block (E08-E13); a UniProt entry may name an isoform; DrugBank numbers salts
# apart; LOINC's parts, lists of answers and groups have letters in front.
PATTERNS = {
    "ICD10CM": r"[A-Z][0-9][0-9AB](-[A-Z][0-9][0-9AB]|\.[0-9A-Z]{1,4})?",
    "UniProtKB": r"([OPQ]\d[A-Z0-9]{3}\d|[A-NR-Z]\d([A-Z][A-Z0-9]{2}\d){1,2})(-\d+|-PRO_\d{10})?",
    "drugbank": r"DB\d{5}|DBSALT\d{6}",
    "DOI": r"10\.\d{2,9}/\S+",
    "SNOMEDCT": r"\d{6,18}",
}

# Addresses of single-purpose servers and of searches are no identifiers that a source would give;
# those of registries, and https beside http, are read by rule.
_STABLE = re.compile(
    r"http://(purl\.obolibrary\.org/obo/\w+_|purl\.bioontology\.org/|purl\.org/|purl\.uniprot\.org/"
    r"|rdf\.ebi\.ac\.uk/|(www\.)?ebi\.ac\.uk/efo/|(www\.)?orpha\.net/ORDO/|(www\.|dx\.)?doi\.org/"
    r"|id\.nlm\.nih\.gov/|(www\.|pubmed\.)?ncbi\.nlm\.nih\.gov/|(www\.)?omim\.org/|loinc\.org/"
    r"|snomed\.info/id/|(www\.)?drugbank\.ca/drugs/|(go|www)\.drugbank\.com/drugs/"
    r"|(www\.)?uniprot\.org/|(www\.)?reactome\.org/|(www\.)?genenames\.org/|clinicaltrials\.gov/"
    r"|(www\.)?ensembl\.org/id/|(www\.)?wikipathways\.org/)[^?&]*"
)


def table() -> list[dict[str, Any]]:
    """The extended prefix map: prefix, synonyms (in lower case), URI prefixes, pattern."""
    records = []
    taken: set[str] = set()
    for ours, theirs in (PREFERRED | OTHERS).items():
        resources = [bioregistry.get_resource(prefix, strict=True) for prefix in theirs]
        names = {ours, *ALSO.get(ours, ())}
        addresses: set[str] = set()
        for resource in resources:
            names |= {resource.prefix, resource.get_preferred_prefix() or resource.prefix}
            names |= resource.get_synonyms()
            given = {re.sub("^https", "http", a) for a in resource.get_uri_prefixes()}
            addresses |= {a for a in given if _STABLE.fullmatch(a)}
        synonyms = {name.lower() for name in names} - {ours} - taken
        synonyms = {name for name in synonyms if not re.search(r"_\d{4}(_\d+)*$", name)}
        # Every record needs an address; OBO's own goes first.
        addresses = addresses - taken or {f"http://bioregistry.io/{theirs[0]}:"}
        first, *others = sorted(addresses, key=lambda a: ("purl.obolibrary.org" not in a, a))
        taken |= synonyms | addresses
        record = {
            "prefix": ours,
            "uri_prefix": first,
            "prefix_synonyms": sorted(synonyms),
            "uri_prefix_synonyms": others,
        }
        if ours in PREFERRED:
            pattern = PATTERNS.get(ours) or resources[0].get_pattern() or r"\S+"
            record["pattern"] = pattern.removeprefix("^").removesuffix("$")
        records.append(record)
    return records


if __name__ == "__main__":
    OUT.write_text(json.dumps(table(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{OUT.name}: {len(PREFERRED | OTHERS)} prefixes of Bioregistry {version('bioregistry')}")
