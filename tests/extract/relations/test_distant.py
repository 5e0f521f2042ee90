"""What sentences say of genes and conditions, and of drugs that must not be given."""

from pathlib import Path

import numpy as np
import pytest

from medkg.core.errors import DataError, ModelError
from medkg.extract.relations.candidates import relation_candidates
from medkg.extract.relations.component import RelationsComponent
from medkg.extract.relations.distant import (
    DistantModel,
    association,
    calibrate,
    disease_key,
    features,
    fit,
    known_genes,
    shipped,
)
from medkg.extract.relations.evaluate_labels import labelled_sentences
from medkg.extract.relations.model import RelationModel
from medkg.extract.relations.pairs import EntityPair
from medkg.extract.relations.rules import association_rule, association_rules, drug_rule

from ..marked import marked, pipeline


def pair_of(text: str) -> EntityPair:
    return next(relation_candidates(marked(pipeline("medkg_sentences"), text)))[2]


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("Mutations in [BRCA1|Target] predispose to [breast cancer|Disease].", "ASSOCIATED_WITH"),
        ("[Gaucher disease|Disease] is caused by mutations of [GBA|Target].", "ASSOCIATED_WITH"),
        ("The role of [TNF|Target] in [psoriasis|Disease] is clear.", "ASSOCIATED_WITH"),
        ("[Troponin T|Target] is a marker of [infarction|Disease].", "ASSOCIATED_WITH"),
        ("The [lymphoma|Disease] was positive for [CD20|Target].", "ASSOCIATED_WITH"),
        ("[Asthma|Disease] was attenuated by blockade of [IL5|Target].", "ASSOCIATED_WITH"),
        ("The [lymphoma|Disease] was negative for [CD3|Target].", "DENIED"),
        ("[APOE|Target] was not associated with [gout|Disease].", "DENIED"),
        ("[COX-2|Target] inhibitors are given for [arthritis|Disease].", "NONE"),
        ("She had [hepatitis|Disease] after [interferon|Target] therapy.", "NONE"),
        ("[Gout|Disease], [albumin|Target] 40 g/l.", None),
    ],
)
def test_rules_for_associations(text: str, relation: str | None) -> None:
    matched = association_rule(pair_of(text))
    assert (matched.relation if matched else None) == relation


def test_what_is_said_of_one_in_a_list_is_said_of_each() -> None:
    text = (
        "Mutations in [MLH1|Target], [MSH2|Target] and [MSH6|Target] cause [Lynch syndrome|Disease]"
        " ([LS|Disease])."
    )
    pairs = [
        pair for _, _, pair, _ in relation_candidates(marked(pipeline("medkg_sentences"), text))
    ]
    assert len(pairs) == 6
    names = {rule.name for pair in pairs if (rule := association_rule(pair)) is not None}
    assert names == {"mutation in"}
    assert all(association_rule(pair) for pair in pairs)


@pytest.mark.parametrize(
    "text",
    [
        "[Metoclopramide|Drug] should not be used in patients with [Parkinson's disease|Disease].",
        "[Celecoxib|Drug] is not recommended for patients with [renal failure|Disease].",
        "Caution is needed when [digoxin|Drug] is given to patients with [amyloidosis|Disease].",
        "Contraindications to [warfarin|Drug] include [haemophilia|Disease].",
        "[Hypothyroidism|Disease] is a risk factor for toxicity during [lithium|Drug] treatment.",
        "Patients with [asthma|Disease] should not receive [propranolol|Drug].",
    ],
)
def test_rules_for_contraindications(text: str) -> None:
    pair = next(
        pair
        for head, _, pair, _ in relation_candidates(marked(pipeline("medkg_sentences"), text))
        if head.label_ == "Drug"
    )
    matched = drug_rule(pair)
    assert matched is not None
    assert matched.relation == "CONTRAINDICATED_FOR"


@pytest.mark.parametrize(
    "text",
    [
        "Avoid [valproate|Drug], which caused [hepatitis|Disease].",
        "[Metformin|Drug] is effective, especially in those with [obesity|Disease].",
        "She had [digoxin|Drug] in the setting of [atrial fibrillation|Disease].",
        "[Ramipril|Drug] reduces complications in patients with [diabetes|Disease].",
        "[Aspirin|Drug] was given to patients at risk for [stroke|Disease].",
        "Patients with preexisting [asthma|Disease] received [salbutamol|Drug].",
        "[Tamoxifen|Drug] and underlying [thrombophilia|Disease] caused the stroke.",
    ],
)
def test_harm_feared_and_treatment_are_no_contraindications(text: str) -> None:
    pairs = [
        pair for _, _, pair, _ in relation_candidates(marked(pipeline("medkg_sentences"), text))
    ]
    matched = [rule.relation for pair in pairs if (rule := drug_rule(pair)) is not None]
    assert "CONTRAINDICATED_FOR" not in matched


def test_every_association_rule_s_precision_is_a_probability() -> None:
    rules = association_rules()
    assert all(0 <= rule.precision < 1 for rule in rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_the_component_finds_associations_and_what_is_denied_as_negated() -> None:
    nlp = pipeline("medkg_sentences", "medkg_context")
    component = RelationsComponent(RelationModel.load())
    text = "Variants in [APOE|Target] cause [dementia|Disease]."
    (relation,) = component(marked(nlp, text))._.relations
    assert (relation.head.text, relation.relation, relation.tail.text) == (
        "dementia",
        "ASSOCIATED_WITH",
        "APOE",
    )
    assert 0.5 < relation.probability < 1
    assert relation.context["polarity"] == "asserted"
    denied = component(marked(nlp, "[APOE|Target] is unrelated, not linked to [gout|Disease]."))
    assert [r.context["polarity"] for r in denied._.relations] == ["negated"]
    given = component(marked(nlp, "[Insulin|Target] therapy in [diabetes|Disease]."))
    assert given._.relations == ()


def test_what_should_not_be_given_is_asserted() -> None:
    nlp = pipeline("medkg_sentences", "medkg_context")
    component = RelationsComponent(RelationModel.load())
    text = "[Metoclopramide|Drug] should not be used in patients with [parkinsonism|Disease]."
    (relation,) = component(marked(nlp, text))._.relations
    assert (relation.relation, relation.context["polarity"]) == ("CONTRAINDICATED_FOR", "asserted")


def test_features_hold_no_names() -> None:
    pair = pair_of("In [Fabry disease|Disease] the [GLA|Target] sequence was read in 12 men.")
    names = " ".join(features(pair)).lower()
    assert "sequence" in names
    assert "fabry" not in names
    assert "gla" not in names
    assert "12" not in names


def test_it_learns_what_is_said_of_known_pairs(tmp_path: Path) -> None:
    names = ["GBA", "GLA", "CFTR", "HBB", "PAH", "VHL"]
    causal = [pair_of(f"[{n}|Target] underlies inherited [gout|Disease].") for n in names]
    beside = [pair_of(f"[{n}|Target] beside sporadic [gout|Disease].") for n in names]
    pairs, known = causal + beside, [True] * 6 + [False] * 6
    model = fit(pairs, known)
    new = pair_of("[ABCD1|Target] underlies inherited [ataxia|Disease].")
    other = pair_of("[ABCD1|Target] beside sporadic [ataxia|Disease].")
    assert model.score(new) > 0 > model.score(other)
    # Half of what it takes for true is not: the line corrects that.
    mixed = calibrate(model, [*causal, *beside], [True] * 3 + [False] * 9)
    assert mixed.probability(new) == pytest.approx(0.5, abs=0.05)
    assert mixed.probability(other) < 0.1
    mixed.save(tmp_path / "model", "card")
    assert DistantModel.load(tmp_path / "model").probability(new) == pytest.approx(
        mixed.probability(new), abs=0.01
    )
    with pytest.raises(ModelError):
        DistantModel.load(tmp_path)


def test_the_shipped_model_is_small_and_speaks_where_no_rule_does() -> None:
    assert np.isfinite(shipped().weights).all()
    pair = pair_of("[Gout|Disease], [albumin|Target] 40 g/l.")
    assert association_rule(pair) is None
    assert association(pair) is None


def test_hpo_knows_genes_of_diseases_under_their_telling_words() -> None:
    assert disease_key("Carcinoma of the breast, familial, type 2") == "breast cancer"
    known = known_genes()
    assert "FBN1" in known[disease_key("Marfan syndrome")]
    assert "CFTR" in known[disease_key("cystic fibrosis")]


def test_every_annotated_pair_is_asked_for(shared_data: Path) -> None:
    sentences = labelled_sentences(shared_data / "corpora", "dev")
    assert len({(s.corpus, s.document, s.doc.text) for s in sentences}) > 250
    for sentence in sentences:
        n_pairs = sum(1 for _ in sentence.pairs())
        assert n_pairs == len(sentence.labels), (sentence.corpus, sentence.document)


def test_labels_without_their_corpora_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        labelled_sentences(tmp_path, "dev")
