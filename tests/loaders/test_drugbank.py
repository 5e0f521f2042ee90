"""DrugBank's full database, in the form that its schema declares.

The form: https://docs.drugbank.com/xml/ and the XSD that comes with a release
(https://docs.drugbank.com/xsd/drugbank.xsd). Everything in the file here is made up.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .sample import Sample

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<drugbank xmlns="http://www.drugbank.ca"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation='
    '"http://www.drugbank.ca http://www.drugbank.ca/docs/drugbank.xsd" version="5.1"'
    ' exported-on="2030-01-02">\n'
)
NO_REFERENCES = "<references><articles/><textbooks/><links/><attachments/></references>"

EXAMPLIN = f"""<drug type="small molecule" created="2005-06-13" updated="2029-12-01">
  <drugbank-id primary="true">DB00001</drugbank-id>
  <drugbank-id>APRD00264</drugbank-id>
  <drugbank-id>DBSALT000001</drugbank-id>
  <name>Examplin</name>
  <description>Made up; &lt;b&gt;not&lt;/b&gt; a drug.</description>
  <cas-number>50-78-2</cas-number>
  <unii>R16CO5Y76E</unii>
  <state>solid</state>
  <groups><group>approved</group><group>vet_approved</group></groups>
  <general-references><articles/><textbooks/><links/></general-references>
  <synthesis-reference/>
  <indication>For pain &amp; fever.&#13;
Not for children.</indication>
  <pharmacodynamics/>
  <salts><salt><drugbank-id primary="true">DBSALT000001</drugbank-id>
    <name>Examplin sodium</name></salt></salts>
  <synonyms>
    <synonym language="english" coder="inn">Examplinum</synonym>
    <synonym language="german" coder="">Examplinsäure</synonym>
  </synonyms>
  <products/>
  <categories><category><category>Pain</category><mesh-id/></category></categories>
  <atc-codes>
    <atc-code code="N02BA01">
      <level code="N02BA">Example acids</level>
      <level code="N02B">OTHER EXAMPLES</level>
      <level code="N02">EXAMPLES</level>
      <level code="N">NERVOUS SYSTEM</level>
    </atc-code>
  </atc-codes>
  <drug-interactions>
    <drug-interaction><drugbank-id>DB00002</drugbank-id><name>Otherol</name>
      <description>The risk of bleeding is increased.</description></drug-interaction>
    <drug-interaction><drugbank-id>DB99999</drugbank-id><name>Farawayine</name>
      <description>Examplin may decrease the excretion rate.</description></drug-interaction>
  </drug-interactions>
  <calculated-properties>
    <property><kind>logP</kind><value>1.2</value><source>ALOGPS</source></property>
    <property><kind>SMILES</kind><value>CC(=O)O</value><source>ChemAxon</source></property>
    <property><kind>InChI</kind><value>InChI=1S/H2O/h1H2</value><source>ChemAxon</source></property>
    <property><kind>InChIKey</kind><value>XLYOFNOQVPJJNP-UHFFFAOYSA-N</value>
      <source>ChemAxon</source></property>
  </calculated-properties>
  <experimental-properties/>
  <external-identifiers>
    <external-identifier><resource>ChEBI</resource><identifier>15365</identifier>
    </external-identifier>
    <external-identifier><resource>PubChem Compound</resource><identifier>2244</identifier>
    </external-identifier>
    <external-identifier><resource>ChEMBL</resource><identifier>CHEMBL25</identifier>
    </external-identifier>
    <external-identifier><resource>RxCUI</resource><identifier>1191</identifier>
    </external-identifier>
    <external-identifier><resource>Wikipedia</resource><identifier>Examplin</identifier>
    </external-identifier>
  </external-identifiers>
  <external-links/><pathways/><reactions/><snp-effects/><snp-adverse-drug-reactions/>
  <targets>
    <target position="1">
      <id>BE0000017</id>
      <name>Prostaglandin G/H synthase</name>
      <organism>Humans</organism>
      <actions><action>inhibitor</action><action>acetylation</action></actions>
      <references>
        <articles>
          <article><ref-id>A1</ref-id><pubmed-id>11752352</pubmed-id><citation>One.</citation>
          </article>
          <article><ref-id>A2</ref-id><pubmed-id/><citation>Not in PubMed.</citation></article>
        </articles><textbooks/><links/><attachments/>
      </references>
      <known-action>yes</known-action>
      <polypeptide id="P23219" source="Swiss-Prot">
        <name>Prostaglandin G/H synthase 1</name>
        <general-function/><specific-function/><gene-name>PTGS1</gene-name><locus>9q32</locus>
        <organism ncbi-taxonomy-id="9606">Humans</organism>
        <external-identifiers>
          <external-identifier><resource>HUGO Gene Nomenclature Committee (HGNC)</resource>
            <identifier>HGNC:9604</identifier></external-identifier>
          <external-identifier><resource>UniProtKB</resource><identifier>P23219</identifier>
          </external-identifier>
        </external-identifiers>
        <synonyms><synonym>COX-1</synonym></synonyms>
      </polypeptide>
      <polypeptide id="P35354" source="Swiss-Prot">
        <name>Prostaglandin G/H synthase 2</name><gene-name>PTGS2</gene-name>
        <organism ncbi-taxonomy-id="9606">Humans</organism>
        <external-identifiers/><synonyms/>
      </polypeptide>
    </target>
    <target><id>BE0004796</id><name>DNA</name><organism>Humans</organism><actions/>
      {NO_REFERENCES}<known-action>unknown</known-action></target>
    <target><id>BE0000500</id><name>Penicillin-binding protein</name>
      <organism>Escherichia coli (strain K12)</organism>
      <actions><action>inhibitor</action></actions>{NO_REFERENCES}
      <known-action>no</known-action>
      <polypeptide id="P02918" source="Swiss-Prot"><name>Penicillin-binding protein 1A</name>
        <gene-name>KIT</gene-name>
        <organism ncbi-taxonomy-id="83333">Escherichia coli (strain K12)</organism>
        <external-identifiers/><synonyms/></polypeptide></target>
  </targets>
  <enzymes>
    <enzyme position="1"><id>BE0002793</id><name>Cytochrome P450 2C9</name>
      <organism>Humans</organism><actions><action>substrate</action></actions>
      {NO_REFERENCES}<known-action>unknown</known-action>
      <polypeptide id="P11712" source="Swiss-Prot"><name>Cytochrome P450 2C9</name>
        <gene-name>CYP2C9</gene-name><organism ncbi-taxonomy-id="9606">Humans</organism>
        <external-identifiers><external-identifier>
          <resource>HUGO Gene Nomenclature Committee (HGNC)</resource>
          <identifier>GNC:2623</identifier></external-identifier></external-identifiers>
        <synonyms/></polypeptide>
      <inhibition-strength>moderate</inhibition-strength><induction-strength/></enzyme>
  </enzymes>
  <carriers/>
  <transporters/>
</drug>
"""
OTHEROL = """<drug type="biotech" created="2005-06-13" updated="2029-12-01">
  <drugbank-id primary="true">DB00002</drugbank-id><name>Otherol</name>
  <groups><group>withdrawn</group></groups><synonyms/><atc-codes/>
  <drug-interactions>
    <drug-interaction><drugbank-id>DB00001</drugbank-id><name>Examplin</name>
      <description>The risk of bleeding is increased.</description></drug-interaction>
  </drug-interactions>
  <external-identifiers/><targets/><enzymes/><carriers/><transporters/>
</drug>
"""
NAMELESS = (
    '<drug type="biotech"><drugbank-id primary="true">BIOD00001</drugbank-id><name/></drug>\n'
)


def write_drugbank(folder: Path, *more: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "full database.xml"
    file.write_text(HEAD + EXAMPLIN + OTHEROL + "".join(more) + "</drugbank>\n", encoding="utf-8")
    return file


SAMPLES = {
    "drugbank": Sample(write_drugbank, lambda folder: write_drugbank(folder, NAMELESS)),
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeGraph:
    quarantine = Quarantine()
    loaded = load("drugbank", write_drugbank(tmp_path_factory.mktemp("in")), quarantine=quarantine)
    assert quarantine.rows == []
    return loaded


def node(graph: KnowledgeGraph, id_: str) -> dict[str, Any]:
    row = graph.nodes.filter(id=id_).row(0, named=True)
    return {**row, **json.loads(row["properties"] or "{}")}


def evidence_of(graph: KnowledgeGraph, subject: str, relation: str, object_: str) -> dict[str, Any]:
    rows = graph.evidence.filter(subject=subject, relation=relation, object=object_)
    assert rows.height == 1
    row = rows.row(0, named=True)
    return {**row, **json.loads(row["qualifiers"] or "{}")}


def test_a_drug_has_its_names_identifiers_and_structure(graph: KnowledgeGraph) -> None:
    drug = node(graph, "drugbank:DB00001")
    assert drug["kind"] == "Drug"
    assert drug["name"] == "Examplin"
    assert set(drug["synonyms"]) == {"Examplinum", "Examplinsäure"}
    assert {
        "CHEBI:15365",
        "PUBCHEM.COMPOUND:2244",
        "RXCUI:1191",
        "CAS:50-78-2",
        "UNII:R16CO5Y76E",
        "drugbank:APRD00264",
        "ATC:N02BA01",
    } <= set(drug["xrefs"])
    assert drug["groups"] == ["approved", "vet_approved"]
    assert drug["inchi"] == "InChI=1S/H2O/h1H2"
    assert drug["inchikey"] == "XLYOFNOQVPJJNP-UHFFFAOYSA-N"
    assert drug["smiles"] == "CC(=O)O"
    assert drug["indication"] == "For pain & fever. Not for children."
    assert node(graph, "drugbank:DB00002")["groups"] == ["withdrawn"]


def test_targets_have_action_role_and_references(graph: KnowledgeGraph) -> None:
    main = evidence_of(graph, "drugbank:DB00001", "TARGETS", "HGNC:9604")
    assert main["action"] == "inhibitor; acetylation"
    assert main["role"] == "target"
    assert main["known_action"] == "yes"
    assert main["member_of"] == "Prostaglandin G/H synthase"
    assert main["references"] == ["PMID:11752352"]
    assert main["release"] == "5.1 2030-01-02"
    target = node(graph, "HGNC:9604")
    assert target["name"] == "PTGS1"
    assert "COX-1" in target["synonyms"]
    assert "UniProtKB:P23219" in target["xrefs"]
    assert node(graph, "UniProtKB:P35354")["name"] == "PTGS2"
    edge = graph.edges.filter(subject="drugbank:DB00001", object="HGNC:9604").row(0, named=True)
    assert json.loads(edge["properties"]) == {"action": "inhibitor; acetylation", "role": "target"}


def test_enzymes_are_told_from_targets(graph: KnowledgeGraph) -> None:
    enzyme = evidence_of(graph, "drugbank:DB00001", "TARGETS", "HGNC:2623")
    assert enzyme["role"] == "enzyme"
    assert enzyme["inhibition_strength"] == "moderate"
    assert node(graph, "HGNC:2623")["adme"] == "enzyme"


def test_what_is_no_polypeptide_and_what_is_not_human(graph: KnowledgeGraph) -> None:
    assert node(graph, "drugbank.target:BE0004796")["name"] == "DNA"
    evidence_of(graph, "drugbank:DB00001", "TARGETS", "drugbank.target:BE0004796")
    bacterial = node(graph, "UniProtKB:P02918")
    assert bacterial["name"] == "Penicillin-binding protein 1A (Escherichia coli (strain K12))"
    assert bacterial["gene"] == "KIT"


def test_classes_go_up_to_the_root(graph: KnowledgeGraph) -> None:
    evidence_of(graph, "drugbank:DB00001", "IN_CLASS", "ATC:N02BA")
    for below, above in (("N02BA", "N02B"), ("N02B", "N02"), ("N02", "N")):
        evidence_of(graph, f"ATC:{below}", "SUBCLASS_OF", f"ATC:{above}")
    assert node(graph, "ATC:N02BA")["name"] == "Example acids"


def test_an_interaction_listed_by_both_drugs_is_one(graph: KnowledgeGraph) -> None:
    both = evidence_of(graph, "drugbank:DB00001", "INTERACTS_WITH", "drugbank:DB00002")
    assert both["effect"] == "The risk of bleeding is increased."
    assert node(graph, "drugbank:DB99999")["name"] == "Farawayine"


def test_reads_the_zip_as_published(graph: KnowledgeGraph, tmp_path: Path) -> None:
    file = write_drugbank(tmp_path / "in")
    archive = tmp_path / "drugbank_all_full_database.xml.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(file, "full database.xml")
    assert load("drugbank", archive).checksum() == graph.checksum()
    file.unlink()
    archive.rename(tmp_path / "in" / archive.name)
    assert load("drugbank", tmp_path / "in").checksum() == graph.checksum()


def test_an_entity_bomb_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xml"
    secret = tmp_path / "secret.txt"
    secret.write_text("not to be read")
    entities = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "bang" * 99}">' for n in range(9)
    )
    for entity in (entities, f'<!ENTITY e8 SYSTEM "{secret.as_uri()}">'):
        text = HEAD.replace("<drugbank", f"<!DOCTYPE drugbank [{entity}]>\n<drugbank")
        drug = OTHEROL.replace("<name>Otherol", "<name>Otherol &e8;")
        bomb.write_text(f"{text}{drug}</drugbank>", encoding="utf-8")
        try:
            names = load("drugbank", bomb).nodes
        except DataError:
            continue
        assert not names["name"].str.contains("bang|not to be read").any()
    other = tmp_path / "other.xml"
    other.write_text("<html><body/></html>", encoding="utf-8")
    with pytest.raises(DataError, match="is not DrugBank's full database"):
        load("drugbank", other)
