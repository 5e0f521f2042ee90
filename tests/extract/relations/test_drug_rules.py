"""Turns of phrase that say what a drug does to a condition, or that a drug binds a target."""

from __future__ import annotations

import pytest

from medkg.extract.relations.candidates import relation_candidates
from medkg.extract.relations.rules import drug_rule, target_rule

from ..marked import marked, pipeline


def relations(text: str) -> list[str | None]:
    """Of each drug and condition of a sentence, what the first rule that matches says."""
    candidates = relation_candidates(marked(pipeline("medkg_sentences"), text))
    rules = [drug_rule(each.pair) for each in candidates if each.is_drug_condition]
    return [rule and rule.relation for rule in rules]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What ends or hinders a condition treats it.
        ("The [tremor|Symptom] was abolished by [biperiden|Drug].", ["TREATS"]),
        ("[Tremor|Symptom] was attenuated by [biperiden|Drug] and reversed by [zapomycin|Drug].",
         ["TREATS", "TREATS"]),
        ("[Zapomycin|Drug] prevented the [tremor|Symptom].", ["TREATS"]),
        ("The [tremor|Symptom] evoked by [arecoline|Drug] was blocked by [zapomycin|Drug].",
         [None, "TREATS"]),
        ("The [tremor|Symptom] was reversed by withdrawal of [zapomycin|Drug].", ["CAUSES"]),
        ("[Tremor|Symptom] reversed when [zapomycin|Drug] was stopped.", ["CAUSES"]),
        ("[Tremor|Symptom] appeared when reuptake was inhibited by [zapomycin|Drug].", [None]),
        # What it does in the clause behind, whose subject it still is.
        ("[Zapomycin|Drug] controls [asthma|Disease] but long-term use leads to [tremor|Symptom].",
         ["TREATS", "CAUSES"]),
        ("[Zapomycin|Drug] works in [asthma|Disease], although it may cause [tremor|Symptom].",
         [None, "CAUSES"]),
        ("[Zapomycin|Drug] failed in [gout|Disease], but [biperiden|Drug] caused [tremor|Symptom].",
         [None, None, None, "CAUSES"]),
        ("Withdrawal of [zapomycin|Drug] is safe but can cause [tremor|Symptom].", [None]),
        ("[Zapomycin|Drug] is toxic but leads to remission of [gout|Disease].", [None]),
        ("[Zapomycin|Drug] is dear but leads to durable responses in [gout|Disease].", [None]),
        ("[Zapomycin|Drug] is safe, but may cause slower progression of [gout|Disease].", [None]),
        ("[Zapomycin|Drug] is dear but can cause problems for people with [gout|Disease].", [None]),
        ("[Zapomycin|Drug] is dear but may cause [cough|Symptom] and [gout|Disease] in children.",
         ["CAUSES", "CAUSES"]),
        ("[Zapomycin|Drug] costs more but causes less [tremor|Symptom].", [None]),
        ("[Zapomycin|Drug] is given in [flu|Disease], which is mild but may cause [cough|Symptom].",
         ["TREATS", None]),
        ("[Zapomycin|Drug] kills worms, although they may cause [anaemia|Disease].", [None]),
        ("[Zapomycin|Drug] induces remission of [asthma|Disease].", ["TREATS"]),
        ("[Zapomycin|Drug] failed to induce remission of [asthma|Disease].", ["DENIED"]),
        ("[Zapomycin|Drug] did not result in loss of control of [gout|Disease].", [None]),
        # What was given instead of a drug does not treat what that caused.
        ("[Allergic|Disease] to [zapomycin|Drug] ([rash|Symptom]); given [biperiden|Drug].",
         [None, "CAUSES", "NONE", "NONE"]),
        ("Sulfa allergy - switched to [zapomycin|Drug] for [gout|Disease].", ["TREATS"]),
        ("[Zapomycin|Drug] 20 units at night, [biperiden|Drug] stopped because of [gout|Disease].",
         ["NONE", "CAUSES"]),
        # What another drug induces.
        ("[Zapomycin|Drug] strongly attenuated [cisplatin|Drug]-induced [deafness|Disease].",
         ["TREATS", "CAUSES"]),
        ("[Zapomycin|Drug] worsened [cisplatin|Drug]-induced [deafness|Disease].",
         ["NONE", "CAUSES"]),
        ("Nephroprotective effect of [zapomycin|Drug] on [cisplatin|Drug]-induced"
         " [uremia|Disease].", ["TREATS", "CAUSES"]),
        ("[Zapomycin|Drug] did not prevent [cisplatin|Drug]-induced [deafness|Disease].",
         ["DENIED", "CAUSES"]),
        ("[Zapomycin|Drug] failed to reverse the [tremor|Symptom].", ["DENIED"]),
        ("The [tremor|Symptom] was not significantly reduced by [zapomycin|Drug].", ["DENIED"]),
        # What a condition induces, and a condition that another one induces.
        ("[Zapomycin|Drug] blocked [hypoxia|Symptom]-induced activation of a kinase.", ["NONE"]),
        ("[Zapomycin|Drug] prevented [hypoxia|Symptom]-induced [seizures|Symptom].",
         ["TREATS", "TREATS"]),
        # One drug and not another.
        ("[Tremor|Symptom] was relieved by [biperiden|Drug], but not by [zapomycin|Drug].",
         ["TREATS", "NONE"]),
        ("[Biperiden|Drug] but not [zapomycin|Drug] relieved [tremor|Symptom].",
         [None, "NONE"]),
        ("[Biperiden|Drug] relieved [cisplatin|Drug]- but not [zapomycin|Drug]-induced"
         " [tremor|Symptom].", ["TREATS", None, "CAUSES"]),
        # Harm of what is given, and what is measured of it or only made with it.
        ("[Toxicity|Disease] in patients treated with [zapomycin|Drug].", [None]),
        ("[Zapomycin|Drug] therapy was watched for the development of [uremia|Disease].", [None]),
        ("Urinary [zapomycin|Drug] levels were increased in [uremia|Disease].", [None]),
        ("The [zapomycin|Drug] model is used for [epilepsy|Disease].", [None]),
        ("[Myositis|Disease] in a patient with [asthma|Disease] treated with [zapomycin|Drug].",
         ["CAUSES", "TREATS"]),
        ("Those on [zapomycin|Drug] while receiving [arecoline|Drug] for [uremia|Disease].",
         ["NONE", "TREATS"]),
        # Harm.
        ("The hazard ratio for [stroke|Disease] was 2.4 among users of [zapomycin|Drug].",
         ["CAUSES"]),
        ("The hazard ratio for [stroke|Disease] was 0.4 among users of [zapomycin|Drug].",
         [None]),
        ("[Zapomycin|Drug] use doubled the risk of [stroke|Disease].", ["CAUSES"]),
        ("[Zapomycin|Drug] was associated with an increased risk of [stroke|Disease].",
         ["CAUSES"]),
        ("[Zapomycin|Drug] was associated with a lower risk of [stroke|Disease].", ["TREATS"]),
        ("[Zapomycin|Drug] is a suspected cause of [stroke|Disease].", ["CAUSES"]),
        # What hides a condition treats none.
        ("[Zapomycin|Drug] may mask the symptoms of [asthma|Disease].", ["NONE"]),
        ("[Fever|Symptom] can be masked by [zapomycin|Drug].", [None]),
        # What comes when a drug is stopped is not its effect, and what goes is.
        ("[Mania|Symptom] after self-discontinuing [lithium|Drug].", ["NONE"]),
        ("A [seizure|Symptom] after missing her [valproate|Drug].", ["NONE"]),
        ("Withdrawal of [lithium|Drug] led to [mania|Symptom].", ["NONE"]),
        ("The [rash|Symptom] resolved after stopping [zapomycin|Drug].", ["CAUSES"]),
        ("[Zapomycin|Drug] was withdrawn and [biperiden|Drug] led to resolution of the"
         " [rash|Symptom].", ["NONE", "TREATS"]),
        # The two arms of a trial.
        ("The [zapomycin|Drug] group had more [nausea|Symptom] than the [aspirin|Drug] group.",
         ["CAUSES", "NONE"]),
        ("[Nausea|Symptom] was more frequent with [zapomycin|Drug] than with [aspirin|Drug].",
         ["CAUSES", "NONE"]),
        ("[Nausea|Symptom] was less frequent with [zapomycin|Drug] than with [aspirin|Drug].",
         ["NONE", "NONE"]),
        ("[Zapomycin|Drug] was superior to [aspirin|Drug] in [migraine|Disease].",
         ["TREATS", "NONE"]),
        ("[Zapomycin|Drug] was not superior to [aspirin|Drug] in [migraine|Disease].",
         [None, "NONE"]),
        # Less of what kills cells kills none; "not only" denies nothing.
        ("[Zapomycin|Drug] induced apoptosis in [melanoma|Disease] cells.", ["TREATS"]),
        ("[Zapomycin|Drug] led to reduced apoptosis in [melanoma|Disease] cells.", ["CAUSES"]),
        ("[Zapomycin|Drug] induced growth inhibition and apoptosis in [melanoma|Disease] cells.",
         ["TREATS"]),
        ("[Zapomycin|Drug] did not induce apoptosis in [melanoma|Disease] cells.", ["DENIED"]),
        ("[Zapomycin|Drug] not only induced apoptosis in [melanoma|Disease] cells.", [None]),
        # Neither poor control nor the arm without the drug is a benefit of it, or a harm.
        ("[Zapomycin|Drug] resulted in complete [asthma|Disease] control.", ["TREATS"]),
        ("[Zapomycin|Drug] resulted in poor [asthma|Disease] control.", ["CAUSES"]),
        ("[Zapomycin|Drug] gave partial responses in [melanoma|Disease].", ["TREATS"]),
        ("[Zapomycin|Drug] gave contractile responses in [asthma|Disease].", [None]),
        ("The incidence of [nausea|Symptom] was higher in patients given [zapomycin|Drug].",
         ["CAUSES"]),
        ("The incidence of [nausea|Symptom] was higher in those who discontinued"
         " [zapomycin|Drug].", [None]),
        ("The rate of [nausea|Symptom] was higher with placebo compared to [zapomycin|Drug].",
         [None]),
        ("Fewer [infections|Disease] occurred in patients treated with [zapomycin|Drug].",
         ["TREATS"]),
        ("[Zapomycin|Drug] increased survival and lowered mortality in [gout|Disease].",
         ["TREATS"]),
        ("[Zapomycin|Drug] increased mortality in [gout|Disease].", ["NONE"]),
        ("Whether [zapomycin|Drug] prolongs survival in [gout|Disease] is unknown.", ["NONE"]),
        ("It is unclear whether [zapomycin|Drug] causes [gout|Disease].", ["NONE"]),
        ("We tested whether [zapomycin|Drug]-induced [gout|Disease] is prevented.", ["CAUSES"]),
        ("[Zapomycin|Drug] increased the risk of [gout|Disease] compared with [aspirin|Drug].",
         ["CAUSES", "NONE"]),
        ("The risk of [gout|Disease] was higher with [zapomycin|Drug] compared to [aspirin|Drug].",
         ["CAUSES", "NONE"]),
        ("[Biperiden|Drug], a weak [opioid|Drug], prevented [gout|Disease].", ["TREATS", "NONE"]),
        ("[Biperiden|Drug], an antidote to [zapomycin|Drug], which causes [gout|Disease].",
         [None, "CAUSES"]),
        ("[Zapomycin|Drug] is contraindicated in pregnancy and in [gout|Disease].",
         ["CONTRAINDICATED_FOR"]),
        ("[Zapomycin|Drug] is contraindicated in pregnancy and in [gout|Disease] is weak.", [None]),
        ("It was asked regardless of whether they got [zapomycin|Drug] for [gout|Disease].",
         ["TREATS"]),
        ("[Zapomycin|Drug] acts against bacteria causative for [syphilis|Disease].", ["TREATS"]),
        ("[Zapomycin|Drug] suppresses insulin-induced proliferation of [melanoma|Disease].",
         ["TREATS"]),
        ("[Zapomycin|Drug] potentiates the [tremor|Symptom] of [biperiden|Drug].",
         ["CAUSES", None]),
        ("[Metoprolol|Drug] d/c'd for [bradycardia|Symptom].", ["CAUSES"]),
    ],
)  # fmt: skip
def test_what_a_drug_does_to_a_condition(text: str, expected: list[str | None]) -> None:
    assert relations(text) == expected


@pytest.mark.parametrize(
    ("text", "binds"),
    [
        ("[Zapomycin|Drug] binds to [KIT|Target].", True),
        ("[Zapomycin|Drug] binds tightly to the active site of [KIT|Target].", True),
        ("Binding of [zapomycin|Drug] to [KIT|Target] was seen.", True),
        ("[Zapomycin|Drug] has a high affinity for [KIT|Target].", True),
        ("[Zapomycin|Drug] does not bind to [KIT|Target].", False),
        ("[Zapomycin|Drug] binds to albumin in [KIT|Target] knockouts.", False),
        ("[Zapomycin|Drug] and [KIT|Target] were studied.", False),
    ],
)
def test_a_drug_binds_a_target(text: str, binds: bool) -> None:
    (candidate,) = relation_candidates(marked(pipeline("medkg_sentences"), text))
    assert (target_rule(candidate.pair) is not None) == binds


@pytest.mark.parametrize(
    "text",
    [
        "[Zapomycin|Drug] is a human [antibody|Procedure] against [KIT|Target].",
        "[Zapomycin|Drug], an [antibody|Procedure] that binds the extracellular domain of"
        " [KIT|Target], was given.",
    ],
)
def test_an_antibody_binds_its_target(text: str) -> None:
    (candidate,) = relation_candidates(marked(pipeline("medkg_sentences"), text))
    rule = target_rule(candidate.pair)
    assert rule is not None
    assert rule.action == "binder"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("A [KIT|Target] inhibitor versus [zapomycin|Drug] was tried.", True),
        ("[Zapomycin|Drug] compared with [KIT|Target] inhibitors was weak.", True),
        ("The [KIT|Target] inhibitor [zapomycin|Drug] was tried.", False),
        ("[Zapomycin|Drug], a [KIT|Target] inhibitor, was tried.", False),
        ("[Zapomycin|Drug] induced [KIT|Target]-mediated apoptosis.", True),
        ("[Zapomycin|Drug] inhibits [KIT|Target]-mediated signaling.", False),
        ("Aspirin, a [KIT|Target] inhibitor, was not inferior to [zapomycin|Drug].", False),
        ("Whether [zapomycin|Drug] inhibits [KIT|Target] is unknown.", True),
        ("Whether [zapomycin|Drug] inhibition of [KIT|Target] helps is unknown.", False),
    ],
)
def test_another_agent_acts_on_the_target(text: str, other: bool) -> None:
    (candidate,) = relation_candidates(marked(pipeline("medkg_sentences"), text))
    rule = target_rule(candidate.pair)
    assert (rule is not None and not rule.precision) == other


@pytest.mark.parametrize(
    ("text", "acting"),
    [
        ("[Zapomycin|Drug], a [KIT|Target] inhibitor, was inferior to [aspirin|Drug].",
         ["zapomycin"]),
        ("[Aspirin|Drug] and [zapomycin|Drug], a selective [KIT|Target] antagonist, differ.",
         ["zapomycin"]),
        ("[Zapomycin|Drug], an antisense [oligomer|Drug], inhibits [KIT|Target].", ["zapomycin"]),
        ("[Aspirin|Drug] and [zapomycin|Drug] inhibit [KIT|Target].", ["aspirin", "zapomycin"]),
        ("[Zapomycin|Drug], a [KIT|Target] inhibitor like [aspirin|Drug].",
         ["zapomycin", "aspirin"]),
    ],
)  # fmt: skip
def test_what_stands_behind_a_drug_is_said_of_it(text: str, acting: list[str]) -> None:
    candidates = relation_candidates(marked(pipeline("medkg_sentences"), text))
    pairs = [each for each in candidates if each.tail.label_ == "Target"]
    rules = [target_rule(pair.pair) for pair in pairs]
    assert [
        pair.head.text.lower()
        for pair, rule in zip(pairs, rules, strict=True)
        if rule is None or rule.precision
    ] == acting
