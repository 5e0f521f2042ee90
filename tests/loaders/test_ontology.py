"""Ontologies in the three published forms.

OBO: https://owlcollab.github.io/oboformat/doc/GO.format.obo-1_4.html
OWL as RDF/XML: https://www.w3.org/TR/owl2-mapping-to-rdf/, as the OWL API writes it
OBO Graphs JSON: https://github.com/geneontology/obographs/blob/master/README-owlmapping.md
MONDO's annotations of cross-references: https://mondo.readthedocs.io
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from medkg.core.errors import DataError, MissingError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.loaders.ontology import cycles
from medkg.loaders.sources import load

from .published import write_hetionet, write_hpo
from .sample import Sample

HEADER = """format-version: 1.4
data-version: releases/2030-01-02
ontology: mondo

"""

# A comment after !, an escaped quote, qualifiers with a comma, a term merged into another, a chain
# of replacements, a term of another ontology, a stanza that is no term.
MONDO = (
    HEADER
    + """[Term]
id: MONDO:0000001
name: disease

[Term]
id: MONDO:0000002
name: example syndrome
alt_id: MONDO:0000099
def: "A disease, \\"so called\\"." [PMID:1, "https://example.org/a,b"]
synonym: "ExS" EXACT ABBREVIATION [OMIM:100001]
synonym: "example, familial" EXACT []
synonym: "syndromic disease" BROAD []
synonym: "example type 1" NARROW [DOID:1]
synonym: "samplitis" RELATED []
xref: OMIM:100001 {source="MONDO:equivalentTo", source="GARD:1, and more"}
xref: Orphanet:2 {source="MONDO:equivalentTo"} ! example
xref: DOID:1 {source="MONDO:equivalentTo"}
xref: ICD10CM:Q99.9 {source="MONDO:relatedTo"}
xref: SCTID:74732009 {source="MONDO:mondoIsNarrowerThanSource"}
xref: UMLS:C0000001
property_value: http://www.w3.org/2004/02/skos/core#exactMatch MESH:D000001
property_value: skos:exactMatch http://linkedlifedata.com/resource/umls/id/C0000009
property_value: skos:narrowMatch MESH:D000002
is_a: MONDO:0000001 {source="DOID:1"} ! disease
relationship: RO:0002200 HP:0001250 ! has phenotype

[Term]
id: MONDO:0000003
name: obsolete old example
is_obsolete: true
replaced_by: MONDO:0000004

[Term]
id: MONDO:0000004
name: obsolete less old example
is_obsolete: true
replaced_by: MONDO:0000002

[Term]
id: MONDO:0000005
name: child of what is obsolete
is_a: MONDO:0000003

[Term]
id: HGNC:5
name: not a disease

[Typedef]
id: part_of
name: part of
"""
)

# Each of these is one row too many.
BAD_OBO = """
[Term]
id: MONDO:0000010
name: obsolete forgotten
is_obsolete: true
consider: MONDO:0000002

[Term]
name: without identifier

[Term]
id: MONDO:0000011
def: "A term without a name." []

[Term]
id: no curie
name: something
"""


def write_text(text: str, name: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


DOID = """format-version: 1.2
data-version: doid/releases/2030-02-03/doid.obo
ontology: doid

[Term]
id: DOID:4
name: disease

[Term]
id: DOID:1
name: example disease
xref: MESH:D000001
xref: UMLS_CUI:C0000001
xref: GARD:9
xref: SNOMEDCT_US_2023_03_01:74732009
is_a: DOID:4 ! disease
"""

CHEBI = """format-version: 1.2
data-version: 240
ontology: chebi

[Term]
id: CHEBI:24431
name: chemical entity

[Term]
id: CHEBI:50906
name: role

[Term]
id: CHEBI:23888
name: drug
is_a: CHEBI:50906 ! role

[Term]
id: CHEBI:15365
name: acetylsalicylic acid
alt_id: CHEBI:22188
synonym: "Aspirin" EXACT BRAND_NAME [KEGG_DRUG]
synonym: "2-acetoxybenzoic acid" RELATED [ChEBI]
xref: CAS:50-78-2 "NIST Chemistry WebBook"
xref: DrugBank:DB00945 "DrugBank"
xref: Wikipedia:Aspirin_(drug)
property_value: http://purl.obolibrary.org/obo/chebi/inchi "InChI=1S/C9H8O4" xsd:string
property_value: http://purl.obolibrary.org/obo/chebi/mass "180.15740" xsd:string
is_a: CHEBI:24431 ! chemical entity
relationship: RO:0000087 CHEBI:23888 ! drug
relationship: is_conjugate_acid_of CHEBI:13719
"""

UBERON = """format-version: 1.2
data-version: uberon/releases/2030-03-04/uberon.owl

[Term]
id: UBERON:0000948
name: heart
namespace: uberon
xref: FMA:7088
xref: EMAPA:16105
relationship: part_of UBERON:0001009 ! circulatory system
relationship: part_of UBERON:0000010 {gci_relation="part_of", gci_filler="NCBITaxon:7955"}

[Term]
id: UBERON:0001009
name: circulatory system

[Term]
id: UBERON:0000010
name: peripheral nervous system
"""

GO = """format-version: 1.2
data-version: releases/2030-04-05

[Term]
id: GO:0008150
name: biological_process
namespace: biological_process

[Term]
id: GO:0006915
name: apoptotic process
namespace: biological_process
is_a: GO:0008150 ! biological_process

[Term]
id: GO:0003674
name: molecular_function
namespace: molecular_function

[Term]
id: GO:0004197
name: cysteine-type endopeptidase activity
namespace: molecular_function
is_a: GO:0003674
relationship: part_of GO:0006915 ! apoptotic process

[Term]
id: GO:0005575
name: cellular_component
namespace: cellular_component
relationship: regulates GO:0006915
"""

NAMELESS = "\n[Term]\nid: {prefix}:0000000\n"


def sample(name: str, text: str, own: str, **options: str) -> Sample:
    bad = text + NAMELESS.format(prefix=own)
    file = f"{name}.obo"
    return Sample(partial(write_text, text, file), partial(write_text, bad, file), options)


SAMPLES = {
    "mondo": sample("mondo", MONDO, "MONDO"),
    "doid": sample("doid", DOID, "DOID"),
    "chebi": sample("chebi", CHEBI, "CHEBI"),
    "uberon": sample("uberon", UBERON, "UBERON"),
    "go": sample("go", GO, "GO"),
    "ontology": sample("mine", MONDO, "MONDO", kind="Disease", prefix="MONDO"),
}


OWL = """<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [ <!ENTITY obo "http://purl.obolibrary.org/obo/" > ]>
<rdf:RDF xmlns="http://purl.obolibrary.org/obo/mondo.owl#"
     xmlns:obo="http://purl.obolibrary.org/obo/"
     xmlns:owl="http://www.w3.org/2002/07/owl#"
     xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
     xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#"
     xmlns:skos="http://www.w3.org/2004/02/skos/core#"
     xmlns:oboInOwl="http://www.geneontology.org/formats/oboInOwl#">
  <owl:Ontology rdf:about="http://purl.obolibrary.org/obo/mondo.owl">
    <owl:versionIRI
      rdf:resource="http://purl.obolibrary.org/obo/mondo/releases/2030-01-02/mondo.owl"/>
    <owl:versionInfo>2030-01-02</owl:versionInfo>
  </owl:Ontology>
  <owl:AnnotationProperty rdf:about="&obo;IAO_0000115"/>
  <!-- classes -->
  <owl:Class rdf:about="&obo;MONDO_0000001"><rdfs:label>disease</rdfs:label></owl:Class>
  <owl:Class rdf:about="http://purl.obolibrary.org/obo/MONDO_0000002">
    <rdfs:subClassOf rdf:resource="http://purl.obolibrary.org/obo/MONDO_0000001"/>
    <rdfs:subClassOf>
      <owl:Restriction>
        <owl:onProperty rdf:resource="http://purl.obolibrary.org/obo/RO_0002200"/>
        <owl:someValuesFrom rdf:resource="http://purl.obolibrary.org/obo/HP_0001250"/>
      </owl:Restriction>
    </rdfs:subClassOf>
    <obo:IAO_0000115>A disease, "so called".</obo:IAO_0000115>
    <oboInOwl:hasAlternativeId>MONDO:0000099</oboInOwl:hasAlternativeId>
    <oboInOwl:hasBroadSynonym>syndromic disease</oboInOwl:hasBroadSynonym>
    <oboInOwl:hasDbXref>OMIM:100001</oboInOwl:hasDbXref>
    <oboInOwl:hasDbXref>Orphanet:2</oboInOwl:hasDbXref>
    <oboInOwl:hasDbXref>DOID:1</oboInOwl:hasDbXref>
    <oboInOwl:hasDbXref>ICD10CM:Q99.9</oboInOwl:hasDbXref>
    <oboInOwl:hasDbXref>SCTID:74732009</oboInOwl:hasDbXref>
    <oboInOwl:hasDbXref>UMLS:C0000001</oboInOwl:hasDbXref>
    <oboInOwl:hasExactSynonym>ExS</oboInOwl:hasExactSynonym>
    <oboInOwl:hasExactSynonym>example, familial</oboInOwl:hasExactSynonym>
    <oboInOwl:hasNarrowSynonym>example type 1</oboInOwl:hasNarrowSynonym>
    <oboInOwl:hasRelatedSynonym>samplitis</oboInOwl:hasRelatedSynonym>
    <skos:exactMatch rdf:resource="http://identifiers.org/mesh/D000001"/>
    <skos:exactMatch rdf:resource="http://linkedlifedata.com/resource/umls/id/C0000009"/>
    <skos:narrowMatch rdf:resource="http://identifiers.org/mesh/D000002"/>
    <rdfs:label xml:lang="en">example syndrome</rdfs:label>
  </owl:Class>
  {axioms}
  <owl:Class rdf:about="http://purl.obolibrary.org/obo/MONDO_0000003">
    <obo:IAO_0100001 rdf:resource="http://purl.obolibrary.org/obo/MONDO_0000004"/>
    <rdfs:label>obsolete old example</rdfs:label>
    <owl:deprecated
      rdf:datatype="http://www.w3.org/2001/XMLSchema#boolean">true</owl:deprecated>
  </owl:Class>
  <owl:Class rdf:about="http://purl.obolibrary.org/obo/MONDO_0000004">
    <obo:IAO_0100001 rdf:resource="http://purl.obolibrary.org/obo/MONDO_0000002"/>
    <rdfs:label>obsolete less old example</rdfs:label>
    <owl:deprecated>true</owl:deprecated>
  </owl:Class>
  <owl:Class rdf:about="http://purl.obolibrary.org/obo/MONDO_0000005">
    <rdfs:subClassOf rdf:resource="http://purl.obolibrary.org/obo/MONDO_0000003"/>
    <rdfs:label>child of what is obsolete</rdfs:label>
  </owl:Class>
  <owl:Class rdf:about="http://purl.obolibrary.org/obo/HP_0001250"/>
</rdf:RDF>
"""
AXIOM = """<owl:Axiom>
    <owl:annotatedSource rdf:resource="http://purl.obolibrary.org/obo/MONDO_0000002"/>
    <owl:annotatedProperty
      rdf:resource="http://www.geneontology.org/formats/oboInOwl#hasDbXref"/>
    <owl:annotatedTarget>{xref}</owl:annotatedTarget>
    <oboInOwl:source>{mark}</oboInOwl:source>
  </owl:Axiom>"""
MARKS = {
    "OMIM:100001": "MONDO:equivalentTo",
    "Orphanet:2": "MONDO:equivalentTo",
    "DOID:1": "MONDO:equivalentTo",
    "ICD10CM:Q99.9": "MONDO:relatedTo",
    "SCTID:74732009": "MONDO:mondoIsNarrowerThanSource",
}


def owl() -> str:
    axioms = [AXIOM.format(xref=xref, mark=mark) for xref, mark in MARKS.items()]
    return OWL.replace("{axioms}", "\n".join(axioms))


def json_graph() -> dict[str, Any]:
    obo, oio = "http://purl.obolibrary.org/obo/", "http://www.geneontology.org/formats/oboInOwl#"
    skos = "http://www.w3.org/2004/02/skos/core#"
    term = f"{obo}MONDO_000000"

    def obsolete(number: int, name: str, by: int) -> dict[str, Any]:
        replaced = {"pred": f"{obo}IAO_0100001", "val": f"{term}{by}"}
        meta = {"basicPropertyValues": [replaced], "deprecated": True}
        return {"id": f"{term}{number}", "lbl": name, "type": "CLASS", "meta": meta}

    meta = {
        "definition": {"val": 'A disease, "so called".', "xrefs": ["PMID:1"]},
        "synonyms": [
            {"pred": "hasExactSynonym", "val": "ExS", "synonymType": f"{obo}mondo#ABBREVIATION"},
            {"pred": "hasExactSynonym", "val": "example, familial"},
            {"pred": "hasBroadSynonym", "val": "syndromic disease"},
            {"pred": "hasNarrowSynonym", "val": "example type 1"},
            {"pred": "hasRelatedSynonym", "val": "samplitis"},
        ],
        "xrefs": [{"val": xref} for xref in (*MARKS, "UMLS:C0000001")],
        "basicPropertyValues": [
            {"pred": f"{oio}hasAlternativeId", "val": "MONDO:0000099"},
            {"pred": f"{skos}exactMatch", "val": "http://identifiers.org/mesh/D000001"},
            {
                "pred": f"{skos}exactMatch",
                "val": "http://linkedlifedata.com/resource/umls/id/C0000009",
            },
            {"pred": f"{skos}narrowMatch", "val": "http://identifiers.org/mesh/D000002"},
            *({"pred": f"{skos}exactMatch", "val": x} for x in list(MARKS)[:3]),
            {"pred": f"{skos}broadMatch", "val": "SCTID:74732009"},
        ],
    }
    return {
        "graphs": [
            {
                "id": f"{obo}mondo.json",
                "meta": {"version": f"{obo}mondo/releases/2030-01-02/mondo.json"},
                "nodes": [
                    {"id": f"{term}1", "lbl": "disease", "type": "CLASS"},
                    {"id": f"{term}2", "lbl": "example syndrome", "type": "CLASS", "meta": meta},
                    obsolete(3, "obsolete old example", 4),
                    obsolete(4, "obsolete less old example", 2),
                    {"id": f"{term}5", "lbl": "child of what is obsolete", "type": "CLASS"},
                    {"id": f"{obo}HP_0001250", "type": "CLASS"},
                    {"id": f"{obo}BFO_0000050", "lbl": "part of", "type": "PROPERTY"},
                ],
                "edges": [
                    {"sub": f"{term}2", "pred": "is_a", "obj": f"{term}1"},
                    {"sub": f"{term}5", "pred": "is_a", "obj": f"{term}3"},
                    {"sub": f"{term}2", "pred": f"{obo}RO_0002200", "obj": f"{obo}HP_0001250"},
                ],
            }
        ]
    }


def load_text(folder: Path, text: str, *more: str, **options: str) -> KnowledgeGraph:
    """MONDO's terms of an OBO file."""
    path = write_text(text + "".join(more), "mondo.obo", folder)
    return load("mondo", path, **options)


def test_a_term_with_all_that_is_said_of_it(tmp_path: Path) -> None:
    graph = load_text(tmp_path / "in", MONDO)
    assert set(graph.nodes["id"]) == {"MONDO:0000001", "MONDO:0000002", "MONDO:0000005"}
    term = graph.nodes.filter(id="MONDO:0000002").row(0, named=True)
    assert (term["kind"], term["name"]) == ("Disease", "example syndrome")
    assert term["synonyms"] == ["ExS", "example, familial"]
    equivalent = {"OMIM:100001", "ORPHA:2", "DOID:1", "MESH:D000001", "UMLS:C0000009"}
    former = {"MONDO:0000003", "MONDO:0000004", "MONDO:0000099"}
    assert set(term["xrefs"]) == equivalent | former
    assert json.loads(term["properties"]) == {
        "definition": 'A disease, "so called".',
        "replaces": sorted(former),
        "broad_synonyms": ["syndromic disease"],
        "narrow_synonyms": ["example type 1"],
        "related_synonyms": ["samplitis"],
        "broad_xrefs": ["SNOMEDCT:74732009"],
        "narrow_xrefs": ["MESH:D000002"],
        "related_xrefs": ["ICD10CM:Q99.9", "UMLS:C0000001"],
    }
    assert graph.sources[0].release == "2030-01-02"


def test_the_three_forms_say_the_same(tmp_path: Path) -> None:
    obo = load_text(tmp_path / "in", MONDO).checksum()
    (tmp_path / "mondo.owl").write_text(owl(), encoding="utf-8")
    assert load("mondo", tmp_path / "mondo.owl").checksum() == obo
    (tmp_path / "mondo.json").write_text(json.dumps(json_graph()), encoding="utf-8")
    assert load("mondo", tmp_path / "mondo.json").checksum() == obo


def zipped(data: bytes, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.stem, data)
    return path


def gzipped(data: bytes, path: Path) -> Path:
    path.write_bytes(gzip.compress(data))
    return path


@pytest.mark.parametrize(("suffix", "write"), [(".gz", gzipped), (".zip", zipped)])
@pytest.mark.parametrize("form", ["obo", "owl", "json"])
def test_compressed_forms(
    form: str, suffix: str, write: Callable[[bytes, Path], Path], tmp_path: Path
) -> None:
    text = {"obo": MONDO, "owl": owl(), "json": json.dumps(json_graph())}[form]
    path = write(text.encode(), tmp_path / f"mondo.{form}{suffix}")
    assert load("mondo", path).checksum() == load_text(tmp_path / "in", MONDO).checksum()


def test_links_to_an_obsolete_term_lead_to_todays(tmp_path: Path) -> None:
    graph = load_text(tmp_path / "in", MONDO)
    assert graph.edges.filter(subject="MONDO:0000005")["object"].to_list() == ["MONDO:0000002"]
    assert graph.resolve("MONDO:0000003") == "MONDO:0000002"


def test_an_identifier_that_was_merged_is_known(tmp_path: Path) -> None:
    """A parent by its former identifier, whose stub doesn't say what took over."""
    more = "\n[Term]\nid: MONDO:0000040\nname: late\nis_a: MONDO:0000099\n"
    more += "\n[Term]\nid: MONDO:0000099\nname: obsolete stub\nis_obsolete: true\n"
    quarantine = Quarantine()
    path = write_text(MONDO + more, "mondo.obo", tmp_path / "in")
    graph = load("mondo", path, quarantine=quarantine)
    assert graph.edges.filter(subject="MONDO:0000040")["object"].to_list() == ["MONDO:0000002"]
    assert quarantine.rows == []


def test_what_cant_be_used_is_set_aside_with_its_line(tmp_path: Path) -> None:
    quarantine = Quarantine()
    path = write_text(MONDO + BAD_OBO, "mondo.obo", tmp_path / "in")
    graph = load("mondo", path, quarantine=quarantine)
    assert graph.checksum() == load_text(tmp_path / "good", MONDO).checksum()
    lines = (MONDO + BAD_OBO).split("\n")
    set_aside = {(row.reason, lines[(row.line or 0) - 1]) for row in quarantine.rows}
    assert set_aside == {
        ("obsolete term without a replacement", "[Term]"),
        ("malformed term", "name: without identifier"),
        ("malformed term", "id: no curie"),
        ("term without a name", "[Term]"),
    }
    rows = {row.reason: row.row for row in quarantine.rows}
    assert rows["obsolete term without a replacement"] == ("MONDO:0000010 (consider MONDO:0000002)")


def test_malformed_json_is_set_aside(tmp_path: Path) -> None:
    graph = json_graph()
    obo = "http://purl.obolibrary.org/obo/"
    graph["graphs"][0]["nodes"] += [
        "no object",
        {"id": f"{obo}MONDO_0000010", "lbl": "bad", "meta": {"synonyms": [{"val": "x"}]}},
        {
            "id": f"{obo}MONDO_0000011",
            "lbl": "bad",
            "meta": {"synonyms": [{"pred": "hasExactSynonym", "val": ["x"]}]},
        },
        {"id": "no curie", "lbl": "bad"},
    ]
    graph["graphs"][0]["edges"] += [{"sub": f"{obo}MONDO_0000002", "pred": "is_a"}, 7]
    (tmp_path / "mondo.json").write_text(json.dumps(graph))
    quarantine = Quarantine()
    loaded = load("mondo", tmp_path / "mondo.json", quarantine=quarantine)
    assert loaded.checksum() == load_text(tmp_path / "in", MONDO).checksum()
    # Read twice, but told of once.
    assert quarantine.counts() == {
        "malformed term": 3,
        "malformed edge": 2,
        "term without a CURIE": 1,
    }


def test_a_malformed_line_costs_that_line_only(tmp_path: Path) -> None:
    quarantine = Quarantine()
    text = MONDO.replace("xref: DOID:1 {", "synonym: no quotes EXACT []\nxref: DOID:1 {")
    path = write_text(text, "mondo.obo", tmp_path / "in")
    graph = load("mondo", path, quarantine=quarantine)
    assert graph.checksum() == load_text(tmp_path / "good", MONDO).checksum()
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("malformed line of a term", "synonym: no quotes EXACT []")
    ]
    assert text.split("\n")[(quarantine.rows[0].line or 0) - 1] == "synonym: no quotes EXACT []"


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "mondo.obo"
    path.write_bytes(b"\xef\xbb\xbf" + MONDO.replace("\n", "\r\n").encode())
    assert load("mondo", path).checksum() == load_text(tmp_path / "in", MONDO).checksum()


def test_unknown_parents_and_cycles_are_set_aside(tmp_path: Path) -> None:
    quarantine = Quarantine()
    more = "".join(
        f"\n[Term]\nid: MONDO:000002{n}\nname: ring {n}\nis_a: MONDO:000002{(n + 1) % 3}\n"
        for n in range(3)
    )
    more += "\n[Term]\nid: MONDO:0000030\nname: lost\nis_a: MONDO:7777777\nis_a: MONDO:0000030\n"
    path = write_text(MONDO + more, "mondo.obo", tmp_path / "in")
    graph = load("mondo", path, quarantine=quarantine)
    assert quarantine.counts() == {"is_a that closes a cycle": 2, "unknown parent": 1}
    assert {row.row for row in quarantine.rows} == {
        "MONDO:0000022 is_a MONDO:0000020",
        "MONDO:0000030 is_a MONDO:0000030",
        "MONDO:0000030 is_a MONDO:7777777",
    }
    assert graph.edges.filter(subject="MONDO:0000020")["object"].to_list() == ["MONDO:0000021"]


def test_what_hangs_on_a_cycle_stays() -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "a"), ("c", "e")]
    assert cycles(pairs) == [("c", "b")]
    assert cycles([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]) == []


def test_gene_ontology_has_three_kinds_and_part_of_between_them(tmp_path: Path) -> None:
    graph = load("go", write_text(GO, "go.obo", tmp_path / "in"))
    assert graph.info()["kinds"] == {
        "BiologicalProcess": 2,
        "MolecularFunction": 2,
        "CellularComponent": 1,
    }
    parts = graph.edges.filter(relation="PART_OF").select("subject", "object").rows()
    assert parts == [("GO:0004197", "GO:0006915")]


def test_part_of_holds_only_where_it_holds_always(tmp_path: Path) -> None:
    graph = load("uberon", write_text(UBERON, "uberon.obo", tmp_path / "in"))
    parts = graph.edges.select("subject", "relation", "object").rows()
    assert parts == [("UBERON:0000948", "PART_OF", "UBERON:0001009")]
    heart = graph.nodes.filter(id="UBERON:0000948").row(0, named=True)
    assert heart["xrefs"] == ["FMA:7088"]
    assert json.loads(heart["properties"]) == {"related_xrefs": ["EMAPA:16105"]}


def test_part_of_in_owl_and_json(tmp_path: Path) -> None:
    obo, owl_part = (
        "http://purl.obolibrary.org/obo/",
        (
            "<rdfs:subClassOf><owl:Restriction>"
            '<owl:onProperty rdf:resource="&obo;BFO_0000050"/>'
            '<owl:someValuesFrom rdf:resource="&obo;UBERON_0001009"/>'
            "</owl:Restriction></rdfs:subClassOf>"
        ),
    )
    heads = owl().partition("  <!-- classes -->")[0]
    (tmp_path / "uberon.owl").write_text(
        f'{heads}<owl:Class rdf:about="&obo;UBERON_0001009"><rdfs:label>circulatory system'
        '</rdfs:label></owl:Class><owl:Class rdf:about="&obo;UBERON_0000948">'
        f"{owl_part}<rdfs:label>heart</rdfs:label></owl:Class></rdf:RDF>"
    )
    names = {"UBERON_0001009": "circulatory system", "UBERON_0000948": "heart"}
    nodes = [{"id": f"{obo}{id_}", "lbl": name, "type": "CLASS"} for id_, name in names.items()]
    ends = {"sub": f"{obo}UBERON_0000948", "obj": f"{obo}UBERON_0001009"}
    edges = [{**ends, "pred": f"{obo}BFO_0000050"}]
    graphs = {"graphs": [{"edges": edges, "nodes": nodes}]}  # in any order
    (tmp_path / "uberon.json").write_text(json.dumps(graphs))
    for name in ("uberon.owl", "uberon.json"):
        edge = load("uberon", tmp_path / name).edges.row(0, named=True)
        assert (edge["subject"], edge["relation"], edge["object"]) == (
            "UBERON:0000948",
            "PART_OF",
            "UBERON:0001009",
        )


def test_xrefs_of_an_ontology_that_marks_none(tmp_path: Path) -> None:
    graph = load("doid", write_text(DOID, "doid.obo", tmp_path / "in"))
    disease = graph.nodes.filter(id="DOID:1").row(0, named=True)
    assert disease["xrefs"] == ["MESH:D000001", "SNOMEDCT:74732009", "UMLS:C0000001"]
    assert json.loads(disease["properties"]) == {"related_xrefs": ["GARD:9"]}


def test_chebi_has_drugs_structures_and_roles(tmp_path: Path) -> None:
    graph = load("chebi", write_text(CHEBI, "chebi.obo", tmp_path / "in"))
    kinds = dict(graph.nodes.select("id", "kind").rows())
    assert kinds["CHEBI:15365"] == kinds["CHEBI:24431"] == "Drug"
    assert kinds["CHEBI:23888"] == kinds["CHEBI:50906"] == "DrugClass"
    edges = set(graph.edges.select("subject", "relation", "object").rows())
    assert edges == {
        ("CHEBI:15365", "SUBCLASS_OF", "CHEBI:24431"),
        ("CHEBI:15365", "IN_CLASS", "CHEBI:23888"),
        ("CHEBI:23888", "SUBCLASS_OF", "CHEBI:50906"),
    }
    aspirin = graph.nodes.filter(id="CHEBI:15365").row(0, named=True)
    assert aspirin["xrefs"] == ["CAS:50-78-2", "CHEBI:22188", "drugbank:DB00945"]
    properties = json.loads(aspirin["properties"])
    assert properties["inchi"] == "InChI=1S/C9H8O4"
    assert properties["related_synonyms"] == ["2-acetoxybenzoic acid"]
    assert graph.sources[0].release == "240"


def test_any_ontology_by_kind_and_prefix(tmp_path: Path) -> None:
    path = write_text(MONDO, "mine.obo", tmp_path / "in")
    graph = load("ontology", path, kind="Disease", prefix="MONDO, HGNC")
    assert "HGNC:5" in set(graph.nodes["id"])
    named = load("ontology", path, kind="Disease", source="mine")
    assert set(named.evidence["source"]) == {source.name for source in named.sources} == {"mine"}
    with pytest.raises(MissingError, match="what its terms are: one of Disease"):
        load("ontology", path)
    with pytest.raises(DataError, match="has no term with the prefix CL; is it the right file"):
        load("ontology", path, kind="Anatomy", prefix="CL")


def test_a_folder_with_several_ontologies_asks_which(tmp_path: Path) -> None:
    folder = write_text(MONDO, "mondo.obo", tmp_path / "in")
    write_text(owl(), "mondo.owl", folder)
    assert load("mondo", folder).checksum() == load_text(tmp_path / "good", MONDO).checksum()
    write_text(DOID, "doid.obo", folder)
    with pytest.raises(DataError, match=r"several ontologies \(doid.obo, mondo.obo\)"):
        load("mondo", folder)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.obo", "just text\n", r"a\.obo: is no OBO file"),
        ("a.owl", "<html/>", r"a\.owl: is no OWL file in RDF/XML"),
        ("a.owl", owl()[:2000], r"a\.owl, line \d+: is not well-formed XML"),
        ("a.json", "{}", r"a\.json: is no OBO Graphs JSON"),
        ("a.json", '{"graphs": [{"nodes": [', r"a\.json: is not whole, valid JSON"),
    ],
)
def test_other_files_are_refused(name: str, text: str, problem: str, tmp_path: Path) -> None:
    path = write_text(text, name, tmp_path / "in") / name
    with pytest.raises(DataError, match=problem):
        load("mondo", path)


def test_mondo_joins_hpo_and_hetionet(tmp_path: Path) -> None:
    """HPO speaks of OMIM's and Orphanet's diseases, Hetionet of DOID's; MONDO knows all three."""
    hetionet = load("hetionet", write_hetionet(tmp_path / "hetionet"))
    hpo = load("hpo", write_hpo(tmp_path / "hpo"))
    mondo = load_text(tmp_path / "mondo", MONDO)
    for order in ([hetionet, hpo, mondo], [mondo, hpo, hetionet]):
        graph = merge(*order)
        node = graph.nodes.filter(id="MONDO:0000002").row(0, named=True)
        assert {"DOID:1", "OMIM:100001", "ORPHA:2"} <= set(node["xrefs"])
        assert not {"DOID:1", "OMIM:100001", "ORPHA:2"} & set(graph.nodes["id"])
        edges = graph.edges.filter(subject="MONDO:0000002").select("relation", "object").rows()
        assert ("HAS_SYMPTOM", "MESH:D000001") in edges  # Hetionet's
        assert ("HAS_SYMPTOM", "HP:0001250") in edges  # HPO's
        assert ("SUBCLASS_OF", "MONDO:0000001") in edges
        assert graph.nodes.filter(id="MESH:D000001")["kind"].to_list() == ["Symptom"]
        applied = graph.merges.filter("applied").select("merged", "kept").rows()
        assert set(applied) >= {
            (other, "MONDO:0000002") for other in ("DOID:1", "OMIM:100001", "ORPHA:2")
        }


def test_an_older_graph_moves_to_todays_terms(tmp_path: Path) -> None:
    retired = "id: MONDO:0000003\nname: obsolete old example\nis_obsolete: true\nreplaced_by"
    older = load_text(
        tmp_path / "old",
        MONDO.replace(retired, "id: MONDO:0000003\nname: old example\nis_a"),
    )
    assert "MONDO:0000003" in set(older.nodes["id"])
    graph = merge(older, load_text(tmp_path / "new", MONDO))
    assert "MONDO:0000003" not in set(graph.nodes["id"])
    child = graph.edges.filter(subject="MONDO:0000005")["object"].to_list()
    assert child == ["MONDO:0000002"]
