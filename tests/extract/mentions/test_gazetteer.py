"""Names of the graph found in the text."""

from __future__ import annotations

import polars as pl
import pytest
from spacy.language import Language

from medkg.core.errors import ModelError
from medkg.extract.mentions import gazetteer as _gazetteer  # noqa: F401 (registers the component)
from medkg.extract.mentions.gazetteer import PROBABILITY
from medkg.graph.frames import NODES, conform
from medkg.graph.kg import KnowledgeGraph
from tests.extract.made_graph import graph

from ..marked import marked, pipeline


@pytest.fixture(scope="module")
def nlp() -> Language:
    made = pipeline("medkg_names")
    made.get_pipe("medkg_names").use(graph())
    return made


def finder_of(names: dict[str, str], kind: str) -> Language:
    """A pipeline that finds some names, by identifier, of one kind."""
    nodes = pl.DataFrame({"id": [*names], "kind": kind, "name": [*names.values()]})
    made = pipeline("medkg_names")
    made.get_pipe("medkg_names").use(graph().with_frames(nodes=conform(nodes, NODES)))
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Family history: MARFAN syndrome", [("MARFAN syndrome", "Disease")]),
        ("type-2 diabetes mellitus", [("type-2 diabetes mellitus", "Disease")]),
        ("pyrexia, aspirin and dyspnoea", [
            ("pyrexia", "Symptom"), ("aspirin", "Drug"), ("dyspnoea", "Symptom"),
        ]),
        ("two fevers", [("fevers", "Symptom")]),
        ("the MFS clinic", []),
        ("PTGS2 and feverish", []),
        ("", []),
    ],
)  # fmt: skip
def test_names_and_synonyms_are_found(
    nlp: Language, text: str, expected: list[tuple[str, str]]
) -> None:
    doc = marked(nlp, text)
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == expected
    assert all(m._.probability == PROBABILITY for m in doc.spans["mentions"])


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("A boy with XED-ID walks.", ["XED-ID"]),
        ("Nobody knew whether xed id was meant.", []),
        ("COVAX 19 and covax-19", ["COVAX 19", "covax-19"]),
    ],
)
def test_a_name_in_capitals_stands_in_one_piece(text: str, mentions: list[str]) -> None:
    names = {"MONDO:1": "XED-ID", "MONDO:2": "COVAX 19"}
    nlp = finder_of(names, "Disease")
    doc = marked(nlp, text)
    assert [m.text for m in doc.spans["mentions"]] == mentions


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("患者无尿频尿急。", ["尿频"]),
        ("24小时无尿。", ["无尿"]),
        ("无尿频，无尿。", ["尿频", "无尿"]),
    ],
)
def test_what_a_denial_and_a_name_begin_together_is_no_name(text: str, mentions: list[str]) -> None:
    names = {"HP:1": "无尿", "HP:2": "尿频"}
    nlp = finder_of(names, "Symptom")
    doc = marked(nlp, text)
    assert [m.text for m in doc.spans["mentions"]] == mentions


def test_a_drug_s_name_of_one_word_stands_in_one_piece() -> None:
    names = {"MESH:C007526": "dipinol", "MESH:C1": "vitamin K1"}
    nlp = finder_of(names, "Drug")
    doc = marked(nlp, "Dipinol and vitamin K 1, but DIP in OL.")
    assert [m.text for m in doc.spans["mentions"]] == ["Dipinol", "vitamin K 1"]


def test_bare_words_for_conditions_are_no_names() -> None:
    names = {"MESH:D004194": "Disease", "MESH:D013577": "Syndrome", "MONDO:3": "Gravel"}
    names["MESH:C565507"] = "MARCH"
    nlp = finder_of(names, "Disease")
    doc = marked(nlp, "The disease is a syndrome, and gravel is none. In March it was.")
    assert [m.text for m in doc.spans["mentions"]] == ["gravel"]


def test_what_the_recogniser_found_stays(nlp: Language) -> None:
    doc = marked(nlp, "[Marfan syndrome, mild|Disease] and Marfan syndrome")
    assert [m.text for m in doc.spans["mentions"]] == ["Marfan syndrome, mild", "Marfan syndrome"]


def test_a_name_takes_the_place_of_the_parts_that_the_recogniser_found(nlp: Language) -> None:
    doc = marked(nlp, "type 2 [diabetes|Symptom] mellitus; [severe fever|Symptom]; [fever|Disease]")
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == [
        ("type 2 diabetes mellitus", "Disease"),
        ("severe fever", "Symptom"),
        ("fever", "Disease"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Aspirin allergy|Disease]", [("Aspirin", "Drug")]),
        ("[aspirin hypersensitivity|Symptom]", [("aspirin", "Drug")]),
        ("[nut allergy|Disease]", [("nut allergy", "Disease")]),
        ("[aspirin asthma|Disease]", [("aspirin asthma", "Disease")]),
        ("[Allergy|Symptom] to dust", [("Allergy", "Symptom")]),
    ],
)
def test_what_an_allergy_is_to_is_a_drug(
    nlp: Language, text: str, expected: list[tuple[str, str]]
) -> None:
    doc = marked(nlp, text)
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == expected


def test_allergy_to_something_is_no_name() -> None:
    nodes = pl.DataFrame({"id": ["HP:0012393"], "kind": ["Symptom"], "name": ["Allergy"]})
    columns = dict.fromkeys(["subject", "relation", "object", "source"], pl.String)
    made = pipeline("medkg_names")
    made.get_pipe("medkg_names").use(KnowledgeGraph.build(nodes, pl.DataFrame(schema=columns), []))
    doc = marked(made, "An allergy to dust; an allergy.")
    assert [m.start_char for m in doc.spans["mentions"]] == [23]
    nodes = nodes.with_columns(name=pl.lit("Allergic"))
    made.get_pipe("medkg_names").use(KnowledgeGraph.build(nodes, pl.DataFrame(schema=columns), []))
    doc = marked(made, "Allergic to dust; is allergic.")
    assert [m.start_char for m in doc.spans["mentions"]] == [21]


def test_a_mention_of_two_names_is_two(nlp: Language) -> None:
    doc = marked(nlp, "[fever and dyspnoea|Symptom]; [fever and more|Symptom]; fever s/p fall")
    assert [m.text for m in doc.spans["mentions"]] == [
        *("fever", "dyspnoea", "fever and more", "fever"),
    ]


def test_short_forms_of_names_are_what_the_names_are(nlp: Language) -> None:
    doc = marked(nlp, "Marfan syndrome (MFS). [MFS|Target] is rare; [MFS type|Procedure]. MFS")
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == [
        ("Marfan syndrome", "Disease"),
        ("MFS", "Disease"),
        ("MFS", "Disease"),
        ("MFS type", "Procedure"),
        ("MFS", "Disease"),
    ]


def test_a_short_form_is_what_the_last_words_of_its_long_form_are(nlp: Language) -> None:
    doc = marked(nlp, "Drug-induced [pancreatitis|Disease] (DIP). [DIP in|Drug] general; DIP")
    assert [(m.text, m.label_) for m in doc.spans["mentions"]] == [
        ("pancreatitis", "Disease"),
        ("DIP", "Disease"),
        ("DIP in", "Drug"),
        ("DIP", "Disease"),
    ]


@pytest.fixture(scope="module")
def of_phenotypes() -> Language:
    names = {
        "HP:0000592": "Blue sclerae",
        "HP:0000252": "Small head",
        "HP:0001382": "Hypermobile joints",
        "HP:0001344": "Absent speech",
        "HP:0001824": "Weight loss",
        "HP:0012514": "Pain in the legs",
    }
    nodes = pl.DataFrame(
        {
            "id": list(names),
            "kind": ["Symptom"] * len(names),
            "name": list(names.values()),
            "synonyms": [[]] * len(names),
        },
        schema_overrides={"synonyms": pl.List(pl.String)},
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    made = pipeline("medkg_names")
    made.get_pipe("medkg_names").use(KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), []))
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The sclerae are blue.", [("sclerae are blue", "blue sclerae")]),
        ("His head was rather small.", [("head was rather small", "small head")]),
        ("Joints hypermobile, head small.", [
            ("Joints hypermobile", "hypermobile Joints"), ("head small", "small head"),
        ]),
        ("The joint is hypermobile: head looks small", [("head looks small", "small head")]),
        ("Blue sclerae.", [("Blue sclerae", "")]),
        ("The sclerae have become strikingly blue.",
         [("sclerae have become strikingly blue", "blue sclerae")]),
        ("His sclerae rather blue.", [("sclerae rather blue", "blue sclerae")]),
        ("The sclerae have become very, blue.", []),
        ("The sclerae have been very clearly quite blue.", []),  # too far
        ("The head had a small bruise.", []),
        ("The head has small bruises.", []),
        ("The head had become small.", [("head had become small", "small head")]),
        ("The sclerae are not blue.", []),
        ("The head is hardly small.", []),
        ("The head was possibly small.", []),
        ("The head, small hands.", []),
        ("A bump on the head. Small hands.", []),
        ("Are the sclerae", []),
        ("Speech is", []),
    ],
)  # fmt: skip
def test_a_note_may_say_a_name_the_other_way_round(
    of_phenotypes: Language, text: str, expected: list[tuple[str, str]]
) -> None:
    doc = marked(of_phenotypes, text, note=True)
    assert [(m.text, m._.stands_for) for m in doc.spans["mentions"]] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lost 6 kg in three months.", "Lost 6 kg"),
        ("She has lost about 1.5kg.", "lost about 1.5kg"),
        ("A loss of more than ten pounds.", "loss of more than ten pounds"),
        ("He keeps losing 2-3 kg.", ""),
        ("Lost and gained 6 kg.", ""),
        ("Lost 6 kgs.", "Lost 6 kgs"),
        ("Lost 6 teeth.", ""),
        ("Weighs 6 kg.", ""),
    ],
)
def test_how_much_weight_was_lost_is_weight_loss(
    of_phenotypes: Language, text: str, expected: str
) -> None:
    doc = marked(of_phenotypes, text, note=True)
    assert [(m.text, m.label_, m._.stands_for) for m in doc.spans["mentions"]] == (
        [(expected, "Symptom", "weight loss")] if expected else []
    )
    paper = marked(of_phenotypes, text)  # its figures are of many patients
    assert not list(paper.spans["mentions"])


def test_how_much_weight_was_lost_is_nothing_where_no_name_is_for_it() -> None:
    made = pipeline("medkg_names")
    made.get_pipe("medkg_names").use(graph())
    doc = marked(made, "Lost 6 kg.", note=True)
    assert not list(doc.spans["mentions"])


def test_a_semicolon_divides_what_a_recogniser_joined(of_phenotypes: Language) -> None:
    doc = marked(of_phenotypes, "Findings: [broad aortic root; tremor|Symptom].")
    assert [m.text for m in doc.spans["mentions"]] == ["broad aortic root", "tremor"]


@pytest.mark.parametrize(
    ("joined", "mentions"),
    [
        ("blue sclerae, tall, small head", ["blue sclerae", "tall, small head"]),
        # No other name in the rest; and what may be the first of several.
        ("small head, mild", ["small head, mild"]),
        ("small head, no blue sclerae", ["small head, no blue sclerae"]),
        ("small head, and blue sclerae", ["small head", "blue sclerae"]),
        ("pain in the legs, small head", ["pain in the legs, small head"]),
    ],
)
def test_a_comma_divides_a_name_from_what_a_recogniser_joined_to_it(
    of_phenotypes: Language, joined: str, mentions: list[str]
) -> None:
    doc = marked(of_phenotypes, f"Findings: [{joined}|Symptom].")
    assert [m.text for m in doc.spans["mentions"]] == mentions


@pytest.mark.parametrize("text", ["haematemesis", "hematemesis"])
def test_british_names_are_found(text: str) -> None:
    made = finder_of({"HP:0002248": "Hematemesis"}, "Symptom")
    doc = marked(made, f"He has {text}.")
    assert [m.text for m in doc.spans["mentions"]] == [text]


def test_a_paper_s_words_stay_in_their_order(of_phenotypes: Language) -> None:
    doc = marked(of_phenotypes, "The sclerae are blue, absent speech.")
    assert [m.text for m in doc.spans["mentions"]] == ["absent speech"]


def test_it_says_that_it_has_no_names() -> None:
    with pytest.raises(ModelError, match="has no names"):
        marked(pipeline("medkg_names"), "fever")


@pytest.mark.parametrize(("probability", "kind"), [(0.5, "Symptom"), (0.9, "Procedure")])
def test_a_condition_s_name_is_no_examination_unless_that_is_surer(
    nlp: Language, probability: float, kind: str
) -> None:
    text = "[Marfan syndrome|Procedure] was seen."
    doc = marked(pipeline("medkg_sentences"), text)
    (mention,) = doc.spans["mentions"]
    mention._.probability = probability
    nlp.get_pipe("medkg_names")(doc)
    expected = "Disease" if kind == "Symptom" else kind
    assert [each.label_ for each in doc.spans["mentions"]] == [expected]
