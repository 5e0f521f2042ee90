"""MeSH as XML: elements as https://www.nlm.nih.gov/mesh/xml_data_elements.html describes them."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.merge import merge
from medkg.loaders.sources import load

from .peak import peak_memory
from .published import write_hetionet
from .sample import Sample
from .test_ontology import CHEBI, write_text


def concept(number: int, names: list[str], more: str = "", preferred: str = "Y") -> str:
    terms = "".join(
        f'<Term ConceptPreferredTermYN="{"N" if n else "Y"}" IsPermutedTermYN="N">'
        f"<TermUI>T{number}{n}</TermUI><String>{name}</String></Term>"
        for n, name in enumerate(names)
    )
    permuted = (
        '<Term ConceptPreferredTermYN="N" IsPermutedTermYN="Y"><TermUI>T9</TermUI>'
        "<String>Turned, Round</String></Term>"
    )
    return (
        f'<Concept PreferredConceptYN="{preferred}"><ConceptUI>M{number}</ConceptUI>'
        f"<ConceptName><String>{names[0]}</String></ConceptName>{more}"
        f"<TermList>{terms}{permuted}</TermList></Concept>"
    )


def descriptor(number: int, name: str, trees: list[str], concepts: str = "", more: str = "") -> str:
    numbers = "".join(f"<TreeNumber>{tree}</TreeNumber>" for tree in trees)
    return (
        f'<DescriptorRecord DescriptorClass="1"><DescriptorUI>D{number:06d}</DescriptorUI>\n'
        f"<DescriptorName><String>{name}</String></DescriptorName>{more}"
        f"<TreeNumberList>{numbers}</TreeNumberList>"
        f"<ConceptList>{concepts or concept(number, [name])}</ConceptList></DescriptorRecord>\n"
    )


def actions(*numbers: int) -> str:
    listed = "".join(
        f"<PharmacologicalAction><DescriptorReferredTo><DescriptorUI>D{n:06d}</DescriptorUI>"
        "<DescriptorName><String>x</String></DescriptorName></DescriptorReferredTo>"
        "</PharmacologicalAction>"
        for n in numbers
    )
    return f"<PharmacologicalActionList>{listed}</PharmacologicalActionList>"


ASPIRIN = concept(
    1,
    ["Aspirin", "Acetylsalicylic Acid"],
    "<CASN1Name>Benzoic acid, 2-(acetyloxy)-</CASN1Name>"
    "<RegistryNumberList><RegistryNumber>R16CO5Y76E</RegistryNumber>"
    "<RegistryNumber>0</RegistryNumber></RegistryNumberList>"
    "<ScopeNote>\n  The prototypical analgesic.\n    </ScopeNote>"
    "<RelatedRegistryNumberList><RelatedRegistryNumber>11126-35-5 (ion)"
    "</RelatedRegistryNumber></RelatedRegistryNumberList>"
    "<ConceptRelationList>"
    '<ConceptRelation RelationName="NRW"><Concept1UI>M1</Concept1UI><Concept2UI>M2</Concept2UI>'
    "</ConceptRelation>"
    '<ConceptRelation RelationName="REL"><Concept1UI>M1</Concept1UI><Concept2UI>M3</Concept2UI>'
    "</ConceptRelation></ConceptRelationList>",
) + "".join(
    concept(n, [name], preferred="N") for n, name in ((2, "Aspirin Salt"), (3, "Salicylism"))
)

DESCRIPTORS = [
    descriptor(
        1241, "Aspirin", ["D02.455.426.559.389.657.410.595.176"], ASPIRIN, actions(894, 17239)
    ),
    descriptor(12459, "Salicylates", ["D02.455.426.559.389.657.410.595"]),
    descriptor(894, "Anti-Inflammatory Agents, Non-Steroidal", ["D27.505.954.158.030"]),
    descriptor(893, "Anti-Inflammatory Agents", ["D27.505.954.158"]),
    descriptor(12640, "Seizures", ["C10.597.742", "C23.888.592.742"]),
    descriptor(9461, "Neurologic Manifestations", ["C10.597", "C23.888.592"]),
    descriptor(3920, "Diabetes Mellitus", ["C18.452.394.750", "C19.246"]),
    descriptor(3924, "Diabetes Mellitus, Type 2", ["C18.452.394.750.149", "C19.246.300"]),
    descriptor(12559, "Schizophrenia", ["F03.700.750"]),
    descriptor(6321, "Heart", ["A07.541"]),
    descriptor(9206, "Myocardium", ["A02.633.580", "A07.541.704"]),
    descriptor(52061, "Blood Glucose Self-Monitoring", ["E01.370.225.312"]),
    descriptor(818, "Animals", ["B01.050"]),
    descriptor(820, "Animal Diseases", ["C22"]),
    descriptor(8297, "Male", []),
]
BAD_DESCRIPTOR = "<DescriptorRecord><DescriptorUI>D000002</DescriptorUI></DescriptorRecord>"


def supplementary(number: int, name: str, scr_class: str, headings: list[int], more: str) -> str:
    mapped = "".join(
        f"<HeadingMappedTo><DescriptorReferredTo><DescriptorUI>*D{heading:06d}</DescriptorUI>"
        "<DescriptorName><String>x</String></DescriptorName></DescriptorReferredTo>"
        "</HeadingMappedTo>"
        for heading in headings
    )
    return (
        f'<SupplementalRecord SCRClass="{scr_class}">'
        f"<SupplementalRecordUI>C{number:06d}</SupplementalRecordUI>"
        f"<SupplementalRecordName><String>{name}</String></SupplementalRecordName>"
        f"<Note>a note</Note><HeadingMappedToList>{mapped}</HeadingMappedToList>{more}"
        f"<ConceptList>{concept(number, [name])}</ConceptList></SupplementalRecord>\n"
    )


SUPPLEMENTARY = [
    supplementary(1, "a salicylate", "1", [12459, 3920], actions(894)),
    supplementary(2, "a rare diabetes", "3", [3920, 12640], ""),
    supplementary(3, "a protocol", "2", [1241], ""),
]


def write_mesh(folder: Path, bad: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    head = '<?xml version="1.0"?>\n<!DOCTYPE {0} SYSTEM "https://www.nlm.nih.gov/mesh.dtd">\n'
    for name, root, records in (
        ("desc2030.xml", "DescriptorRecordSet", [*DESCRIPTORS, bad]),
        ("supp2030.xml", "SupplementalRecordSet", SUPPLEMENTARY),
    ):
        text = f'{head.format(root)}<{root} LanguageCode="eng">\n{"".join(records)}</{root}>\n'
        (folder / name).write_text(text, encoding="utf-8")
    return folder


SAMPLES = {"mesh": Sample(write_mesh, lambda folder: write_mesh(folder, BAD_DESCRIPTOR))}


def test_a_substance(tmp_path: Path) -> None:
    graph = load("mesh", write_mesh(tmp_path / "in"))
    node = graph.nodes.filter(id="MESH:D001241").row(0, named=True)
    assert (node["kind"], node["name"]) == ("Drug", "Aspirin")
    assert node["synonyms"][0] == "Acetylsalicylic Acid"
    assert node["synonyms"][1:] == ["ASA", "Acetylsalicylate"]  # the starter set's
    assert node["xrefs"] == ["UNII:R16CO5Y76E"]
    assert json.loads(node["properties"]) == {
        "definition": "The prototypical analgesic.",
        "narrow_synonyms": ["Aspirin Salt"],
        "related_synonyms": ["Salicylism"],
        "tree_numbers": ["D02.455.426.559.389.657.410.595.176"],
    }
    assert graph.sources[0].release == "2030"


def test_kinds_by_branch(tmp_path: Path) -> None:
    graph = load("mesh", write_mesh(tmp_path / "in"))
    kinds = dict(graph.nodes.select("name", "kind").rows())
    assert kinds == {
        "Aspirin": "Drug",
        "Salicylates": "Drug",
        "Anti-Inflammatory Agents, Non-Steroidal": "DrugClass",
        "Anti-Inflammatory Agents": "DrugClass",
        "Seizures": "Symptom",
        "Neurologic Manifestations": "Symptom",
        "Diabetes Mellitus": "Disease",
        "Diabetes Mellitus, Type 2": "Disease",
        "Schizophrenia": "Disease",
        "Heart": "Anatomy",
        "Myocardium": "Anatomy",
        "Blood Glucose Self-Monitoring": "Procedure",
        "a salicylate": "Drug",
        "a rare diabetes": "Disease",
    }


def test_hierarchy_actions_and_mapped_headings(tmp_path: Path) -> None:
    graph = load("mesh", write_mesh(tmp_path / "in"))
    names = dict(graph.nodes.select("id", "name").rows())
    rows = graph.edges.select("subject", "relation", "object").rows()
    assert {(names[s], r, names[o]) for s, r, o in rows} == {
        ("Aspirin", "SUBCLASS_OF", "Salicylates"),
        ("Aspirin", "IN_CLASS", "Anti-Inflammatory Agents, Non-Steroidal"),
        ("Anti-Inflammatory Agents, Non-Steroidal", "SUBCLASS_OF", "Anti-Inflammatory Agents"),
        ("Seizures", "SUBCLASS_OF", "Neurologic Manifestations"),
        ("Diabetes Mellitus, Type 2", "SUBCLASS_OF", "Diabetes Mellitus"),
        ("Myocardium", "SUBCLASS_OF", "Heart"),
        ("a salicylate", "SUBCLASS_OF", "Salicylates"),
        ("a salicylate", "IN_CLASS", "Anti-Inflammatory Agents, Non-Steroidal"),
        ("a rare diabetes", "SUBCLASS_OF", "Diabetes Mellitus"),
    }
    mapped = graph.evidence.filter(subject="MESH:C000002")["qualifiers"].to_list()
    assert mapped == ['{"basis": "heading mapped to"}']


def test_compressed_as_published(tmp_path: Path) -> None:
    folder = write_mesh(tmp_path / "in")
    whole = load("mesh", folder).checksum()
    (folder / "desc2030.gz").write_bytes(gzip.compress((folder / "desc2030.xml").read_bytes()))
    (folder / "desc2030.xml").unlink()
    with zipfile.ZipFile(folder / "supp2030.zip", "w") as archive:
        archive.write(folder / "supp2030.xml", "supp2030.xml")
    (folder / "supp2030.xml").unlink()
    assert load("mesh", folder).checksum() == whole


def test_one_file_and_others(tmp_path: Path) -> None:
    folder = write_mesh(tmp_path / "in")
    graph = load("mesh", folder / "supp2030.xml")
    assert set(graph.nodes["name"]) == {"a salicylate", "a rare diabetes"}
    (folder / "desc2030.xml").write_text("<QualifierRecordSet></QualifierRecordSet>")
    with pytest.raises(DataError, match=r"desc2030\.xml: is neither descriptors nor"):
        load("mesh", folder)


HEADINGS = """\
D001241\tAspirin\tAcetylsalicylic Acid|Acid, Acetylsalicylic|Acid, other\tD02.455.426.559\t
D012640\tSeizures\t\tC10.597.742|C23.888.592.742\t
D003920\tDiabetes Mellitus\t\tC18.452.394.750|C19.246\t
D003924\tDiabetes Mellitus, Type 2\tType 2 Diabetes Mellitus\tC18.452.394.750.149\t
D000894\tAnti-Inflammatory Agents\t\tD27.505.954.158\t
D000818\tAnimals\t\tB01.050\t
D006321\tHeart\t\tA07.541\t
D052061\tBlood Glucose Self-Monitoring\t\tE01.370.225.312\t
"""
SUPPLEMENT = """\
C000001\ta salicylate\tsome salt\tD001241
C000002\ta rare diabetes\t\tD003920,D012640
C000003\tan agent\t\tD000894
C000004\ta worm\t\tD000818
C000005\ta rare seizure\t\tD001241,D012640
C000006\ta protocol\t\tD001241,D052061
C000007\tthe bark\t\tD006321
C000008
"""


def test_indras_tables(tmp_path: Path) -> None:
    (tmp_path / "mesh_id_label_mappings.tsv").write_text(HEADINGS)
    (tmp_path / "mesh_supp_id_label_mappings.tsv").write_text(SUPPLEMENT)
    quarantine = Quarantine()
    graph = load("mesh", tmp_path, quarantine=quarantine)
    assert set(graph.nodes.select("name", "kind").rows()) == {
        ("Aspirin", "Drug"),
        ("Seizures", "Symptom"),
        ("Diabetes Mellitus", "Disease"),
        ("Diabetes Mellitus, Type 2", "Disease"),
        ("Anti-Inflammatory Agents", "DrugClass"),
        ("a salicylate", "Drug"),
        ("a rare diabetes", "Disease"),
        ("an agent", "Drug"),
        ("a rare seizure", "Disease"),
        ("Heart", "Anatomy"),
        ("the bark", "Anatomy"),
        ("Blood Glucose Self-Monitoring", "Procedure"),
    }
    synonyms = dict(graph.nodes.select("name", "synonyms").rows())
    assert synonyms["Aspirin"][:2] == ["Acetylsalicylic Acid", "Acid, other"]
    assert synonyms["Diabetes Mellitus, Type 2"] == ["Type 2 Diabetes Mellitus"]
    names = dict(graph.nodes.select("id", "name").rows())
    rows = graph.edges.select("subject", "relation", "object").rows()
    assert {(names[s], r, names[o]) for s, r, o in rows} == {
        ("Diabetes Mellitus, Type 2", "SUBCLASS_OF", "Diabetes Mellitus"),
        ("a salicylate", "SUBCLASS_OF", "Aspirin"),
        ("a rare diabetes", "SUBCLASS_OF", "Diabetes Mellitus"),
        ("the bark", "SUBCLASS_OF", "Heart"),
    }
    assert [(row.line, row.row) for row in quarantine.rows] == [(8, "C000008")]
    (tmp_path / "mesh_id_label_mappings.tsv").unlink()
    with pytest.raises(DataError, match="need the table of headings beside them"):
        load("mesh", tmp_path, quarantine=Quarantine())


def test_a_bad_record_is_set_aside_with_its_line(tmp_path: Path) -> None:
    quarantine = Quarantine()
    folder = write_mesh(tmp_path / "in", BAD_DESCRIPTOR)
    load("mesh", folder, quarantine=quarantine)
    lines = (folder / "desc2030.xml").read_text().split("\n")
    assert [(row.reason, lines[(row.line or 0) - 1][:18]) for row in quarantine.rows] == [
        ("record without identifier or name", "<DescriptorRecord>")
    ]


def test_joins_hetionets_symptoms_and_chebis_substances(tmp_path: Path) -> None:
    more = descriptor(1, "Pain", ["C23.888.592.612"])
    mesh = load("mesh", write_mesh(tmp_path / "mesh", more))
    hetionet = load("hetionet", write_hetionet(tmp_path / "hetionet"))
    text = CHEBI.replace("xref: CAS:50-78-2", "xref: UNII:R16CO5Y76E\nxref: CAS:50-78-2")
    chebi = load("chebi", write_text(text, "chebi.obo", tmp_path / "chebi"))
    graph = merge(mesh, hetionet, chebi)
    pain = graph.nodes.filter(id="MESH:D000001").row(0, named=True)
    assert (pain["kind"], pain["name"]) == ("Symptom", "Pain")
    assert graph.edges.filter(object="MESH:D000001")["subject"].to_list() == ["DOID:1"]
    aspirin = graph.nodes.filter(id="CHEBI:15365").row(0, named=True)
    assert "MESH:D001241" in aspirin["xrefs"]
    assert graph.edges.filter(subject="CHEBI:15365", relation="IN_CLASS").height == 2


PARTS = """
import sys
from pathlib import Path
from medkg.graph.frames import Source
from medkg.core.quarantine import Quarantine
from medkg.loaders import mesh

mesh.ROWS = 1_000
parts = mesh._parts([Path(sys.argv[1])], Source("mesh", "", ""), Quarantine())
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of 8 MB and one of 40 MB, either read by a process of its own."""
    peaks = []
    for records in (3_000, 15_000):
        path = tmp_path / f"supp{records}.xml"
        with path.open("w", encoding="utf-8") as file:
            file.write("<SupplementalRecordSet>\n")
            for number in range(records):
                file.write(supplementary(number, f"substance {number}", "1", [], "x" * 2_000))
            file.write("</SupplementalRecordSet>\n")
        rows, peak = peak_memory(PARTS, path)
        assert rows == records
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 25, peaks
