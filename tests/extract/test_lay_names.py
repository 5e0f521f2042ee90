"""What laymen say for a phenotype is found and linked as its names are."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from itertools import pairwise

import polars as pl
import pytest

from medkg.extract.lay_names import all_wordings, lay_names, of_parts, with_lay_names, wordings
from medkg.extract.linking.linker import Linker
from medkg.extract.pipeline import build_pipeline
from medkg.graph.identifiers import name_key_of
from medkg.graph.kg import KnowledgeGraph
from medkg.terminology import default_terminology

Read = Callable[[str], dict[str, tuple[str | None, str]]]


# Insensitivity to pain, flatulence, impaired memory, slow movements, impotence, cold intolerance,
# and pain or swelling of the knee, the hip and the ankle.
_OF_OCCASIONS = {
    "HP:0007021",
    "HP:0033589",
    "HP:0002354",
    "HP:0002067",
    "HP:0000802",
    "HP:6000855",
    "HP:0030839",
    "HP:0030838",
    "HP:0001785",
}
# What lay names say is a patient's own.
_OWNED = """abdomen age ankles anus appetite arm arms baby back balance bed belly body bones
    bottles bowels breast breasts breath buttock buttocks calf calves cheeks chest children chin
    class classmates cornea corneas cup desk dreams ear ears elbow elbows eye eyelids eyes face
    family feeds feet field fingers first flank food foot forearm grip groin growth gums hair hand
    hands head hearing heart heel height hip hips irises jaw joint joints kidney kidneys knee
    kneecap knees lap leg legs lens lenses limbs lip lips milk mind mouth muscles nails name
    neck nightclothes nose own palm palms pants parents periods rectum shirt shoulder shoulders
    siblings side sight skills skin sleep speech spine sputum stomach stool stools tea teeth
    tendons testicle testicles thighs throat thumb toes tongue toys tummy turn urine vision
    voice way will womb words wrist years"""


@pytest.fixture(scope="module")
def everyday() -> Linker:
    return Linker(with_lay_names(default_terminology()))


def test_each_is_a_term_that_lacks_the_name_and_nobody_elses(hpo: KnowledgeGraph) -> None:
    terms = hpo.nodes.filter(kind="Symptom")
    named = terms.select("id", pl.concat_list(pl.concat_list("name"), "synonyms")).explode("name")
    taken = {name_key_of(name) for name in named["name"].drop_nulls()}
    phrases = lay_names().explode("words")
    of_others = set(phrases["id"]) - set(terms["id"])
    assert of_others <= set(default_terminology().nodes.filter(kind="Drug")["id"])
    keys = [name_key_of(words) for words in phrases["words"]]
    assert len(set(keys)) == len(keys) > 500
    assert taken.isdisjoint(keys)


def test_other_wordings_are_nobody_elses(hpo: KnowledgeGraph) -> None:
    terms = hpo.nodes.filter(kind="Symptom")
    named = terms.select("id", pl.concat_list(pl.concat_list("name"), "synonyms")).explode("name")
    owners: dict[str, set[str]] = {}
    for identifier, name in named.drop_nulls().iter_rows():
        owners.setdefault(name_key_of(name), set()).add(identifier)
    rows = all_wordings().explode("words")
    assert rows.height > lay_names().explode("words").height + 700
    keys = [name_key_of(words) for words in rows["words"]]
    assert len(set(keys)) == len(keys)
    others = [
        words
        for (identifier, words), key in zip(rows.iter_rows(), keys, strict=True)
        if owners.get(key, {identifier}) != {identifier}
    ]
    assert others == []


@pytest.mark.parametrize(
    ("phrase", "others"),
    [
        ("light hurts the eyes", {"light hurts her eyes", "light hurts my eyes"}),
        ("cannot sleep", {"can't sleep", "could not sleep", "unable to sleep"}),
        ("coughs up blood", {"coughed up blood", "coughing up blood"}),
        ("does not feel pain", {"doesn't feel pain"}),
        ("loses her way", {"losing his way", "losing her way"}),
        ("arches the back", {"arched her back", "arching the back"}),
    ],
)
def test_a_phrase_has_other_wordings(phrase: str, others: set[str]) -> None:
    assert others | {phrase} <= set(wordings(phrase))


def test_pain_in_a_part_is_that_part_s_pain(hpo: KnowledgeGraph) -> None:
    words = dict(of_parts(hpo.nodes).explode("words").select("words", "id").iter_rows())
    own = dict(hpo.nodes.select("id", "name").iter_rows())
    assert own[words["pain in the right flank"]] == "Flank pain"
    assert own[words["swelling of the left ankle"]] == "Ankle swelling"
    names = hpo.nodes.filter(kind="Symptom")["name"]
    assert {name_key_of(each) for each in words}.isdisjoint(map(name_key_of, names))


def test_what_has_an_owner_is_a_part_or_the_patient_s_own() -> None:
    owned = {
        following
        for wording in all_wordings()["words"].explode()
        for word, following in pairwise(wording.split(" ")[1:])
        if word in ("his", "her", "my", "their")
    }
    assert owned - set(_OWNED.split()) == set()


@pytest.mark.parametrize(
    "phrase",
    [
        "pees all the time",
        "cannot see in the dark",
        "feels the cold",
        "burns easily in the sun",
        "blood on the toilet paper",
    ],
)
def test_what_is_nobody_s_has_no_owner(phrase: str) -> None:
    words = {word for wording in wordings(phrase) for word in wording.split(" ")}
    assert words.isdisjoint({"his", "her", "my", "their"})


def test_one_thing_of_two_has_the_owner() -> None:
    assert "hump on the back of her neck" in wordings("hump on the back of the neck")
    assert "hump on her back of her neck" not in wordings("hump on the back of the neck")
    assert "loses the way" not in wordings("loses his way")


@pytest.mark.parametrize(
    "wording",
    [
        "felt no pain",
        "did not feel pain",
        "could not feel pain",
        "passing gas",
        "repeated questions",
        "moved slowly",
        "could not get an erection",
        "lose weight",
        "lost her balance",
        "climbs up the legs",
        "do not feed",
        "sleep upright",
        "feels cold",
        "urinate often",
        "walk on tiptoe",
    ],
)
def test_one_occasion_and_advice_are_no_lay_name(wording: str) -> None:
    assert wording not in set(all_wordings()["words"].explode())


def test_a_verb_alone_and_a_name_have_one_wording() -> None:
    assert wordings("bleeds") == ["bleeds"]
    assert wordings("swollen knees") == ["swollen knees"]


def test_each_stands_beside_the_term_s_own_name(hpo: KnowledgeGraph) -> None:
    own = dict(hpo.nodes.select("id", "name").iter_rows())
    lines = resources.files("medkg.extract").joinpath("data/lay_names.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in lines.splitlines() if line.startswith("HP:")]
    assert {identifier: name for identifier, name, _ in rows} == {
        row[0]: own[row[0]] for row in rows
    }


@pytest.mark.parametrize(
    ("text", "kind", "identifier"),
    [
        ("rash", "Symptom", "HP:0000988"),
        ("thrombosis", "Symptom", "HP:0001977"),
        ("infection", "Symptom", "UMLS:C0009450"),
        ("HIV", "Disease", "MESH:D015658"),
        ("penicillin", "Drug", "MESH:D010406"),
        ("alcohol", "Drug", "MESH:D000431"),
        ("labetalol", "Drug", "drugbank:DB00598"),
        ("Toprol", "Drug", "drugbank:DB00264"),
        ("lupus", "Disease", "DOID:9074"),
    ],
)
def test_everyday_names_link(everyday: Linker, text: str, kind: str, identifier: str) -> None:
    (link,) = everyday.link([(text, kind)])
    assert link is not None
    assert link.identifier == identifier


def test_only_phenotypes_of_the_graph_get_names(hpo: KnowledgeGraph) -> None:
    few = hpo.subgraph(["HP:0000545", "HP:0000098", "OMIM:154700"])
    kg = with_lay_names(few)
    assert kg.nodes["id"].to_list() == few.nodes["id"].to_list()
    more = dict(kg.nodes.select("id", "synonyms").iter_rows())
    before = dict(few.nodes.select("id", "synonyms").iter_rows())
    assert more["OMIM:154700"] == before["OMIM:154700"]
    assert more["HP:0000545"][: len(before["HP:0000545"])] == before["HP:0000545"]
    assert "short-sightedness" in more["HP:0000545"]


@pytest.fixture(scope="module")
def read(hpo: KnowledgeGraph) -> Read:
    """The mentions of a text: what each links to, and its polarity."""
    nlp = build_pipeline(hpo)

    def mentions_of(text: str) -> dict[str, tuple[str | None, str]]:
        doc = nlp(text)
        return {m.text: (m._.identifier, m._.polarity) for m in doc.spans["mentions"]}

    return mentions_of


def test_a_plain_note_is_read(read: Read) -> None:
    text = (
        "He is tall for his age, short-sighted and double-jointed, with subluxed lenses. He has no"
        " nosebleeds. Her sister bruises easily."
    )
    assert read(text) == {
        "tall for his age": ("HP:0000098", "asserted"),
        "short-sighted": ("HP:0000545", "asserted"),
        "double-jointed": ("HP:0001382", "asserted"),
        "subluxed lenses": ("HP:0001083", "asserted"),
        "nosebleeds": ("HP:0000421", "negated"),
        "bruises easily": ("HP:0000978", "asserted"),
    }


@pytest.mark.parametrize(
    ("adjective", "identifier"),
    [
        ("blind", "HP:0000618"),
        ("deaf", "HP:0000365"),
        ("jaundiced", "HP:0000952"),
        ("obese", "HP:0001513"),
        ("confused", "HP:0001289"),
        ("floppy", "HP:0001252"),
    ],
)
def test_what_a_patient_is_is_a_finding(adjective: str, identifier: str, read: Read) -> None:
    ((read_as, polarity),) = read(f"He was {adjective} when he came.").values()
    assert (read_as, polarity) == (identifier, "asserted")
    ((_, polarity),) = read(f"He was not {adjective} when he came.").values() or [("", "negated")]
    assert polarity == "negated"


def test_a_denial_in_a_name_denies_the_others(
    read: Read,
) -> None:
    mentions = read("She has no appetite, nausea, vomiting or fever.")
    assert mentions.pop("no appetite") == ("HP:0004396", "asserted")
    assert len(mentions) == 3
    assert {polarity for _, polarity in mentions.values()} == {"negated"}
    mentions = read("He has no appetite, nausea with a headache and vomiting, or fever.")
    assert mentions["fever"][1] == "negated"
    mentions = read("He does not feel pain, numbness, tremor.")
    assert (mentions["numbness"][1], mentions["tremor"][1]) == ("negated", "negated")
    mentions = read("He does not feel pain or numbness.")
    assert mentions["does not feel pain"] == ("HP:0007021", "asserted")
    assert mentions["numbness"][1] == "negated"


@pytest.mark.parametrize(
    ("text", "asserted"),
    [
        ("He cries without tears, chokes on feeds and vomits.", {"chokes on feeds", "vomits"}),
        ("She cries without tears, chokes on feeds.", {"chokes on feeds"}),
        ("He has no appetite, nausea, vomiting and a mild fever.", {"nausea", "vomiting"}),
        ("She has no appetite, nausea, vomiting and fever.", {"no appetite", "nausea", "fever"}),
        ("He has no energy, weight loss, night sweats.", {"weight loss", "night sweats"}),
        ("Not hungry, losing weight, jaundice.", {"losing weight", "jaundice"}),
        ("He doesn't talk, no eye contact.", {"no eye contact"}),
    ],
)
def test_a_denial_in_a_name_that_denies_nothing_else(
    text: str, asserted: set[str], read: Read
) -> None:
    mentions = read(text)
    assert asserted <= set(mentions)
    assert {polarity for _, polarity in mentions.values()} == {"asserted"}


def test_a_denial_ends_before_another_name_that_denies(read: Read) -> None:
    mentions = read("She has had no periods and no breast development.")
    assert mentions["no breast development"] == ("HP:0000823", "asserted")
    mentions = read("A newborn who passed no meconium for three days, with a swollen belly.")
    assert mentions["swollen belly"] == ("HP:0003270", "asserted")
    mentions = read("He has no fever, sleeps badly and has a rash.")
    assert (mentions["fever"][1], mentions["sleeps badly"][1]) == ("negated", "asserted")


@pytest.mark.parametrize(
    "text",
    [
        "She denies that she has no appetite.",
        "He denied that he had ever had seizures or vomiting.",
        "He does not report no sense of smell.",
        "There is no report of no breast development.",
        "She denies fever and no appetite.",
        "The parents denied his seizures, his vomiting or his rash.",
        "Without her headaches, her nausea or her rash",
        "No fever, tremor and seizures.",
        "She denied headaches, and episodes of vomiting or seizures.",
        "Denies headache, and bouts of vomiting.",
    ],
)
def test_what_is_denied_stays_so(text: str, read: Read) -> None:
    mentions = read(text)
    assert mentions
    assert {polarity for _, polarity in mentions.values()} == {"negated"}


@pytest.mark.parametrize(
    "text",
    [
        "Vomiting: no. Appetite: good.",
        "Rash absent, speech delayed.",
        "Floppy mitral valve was seen.",
        "All options were exhausted.",
        "The nerve passes out of the skull.",
        "Her skin breaks easily.",
        "He does not speak English.",
        "She never had a period of confusion.",
        "She felt no pain during the procedure.",
        "He did not feel pain during the procedure.",
        "He is passing gas on the second day.",
        "Repeated questions were asked.",
        "He moved slowly to the chair.",
        "We could not get an erection history.",
        "Her left foot feels cold.",
        "She feels her cold is better.",
        "The incision was painful, right knee normal.",
        "His knee is painful, left hip is well.",
        "Her wrist was swollen, left ankle normal.",
    ],
)
def test_what_sounds_alike_is_none(text: str, read: Read) -> None:
    wrong = _OF_OCCASIONS | {
        "HP:0004396",
        "HP:0001344",
        "HP:0001290",
        "HP:0012378",
        "HP:0001279",
        "HP:0002659",
    }
    assert wrong.isdisjoint({identifier for identifier, _ in read(text).values()})
