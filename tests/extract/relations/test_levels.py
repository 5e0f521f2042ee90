"""Whether a drug acts on a target, or changes how much of it there is."""

from __future__ import annotations

import pytest

from medkg.extract.relations.candidates import relation_candidates
from medkg.extract.relations.levels import level_change

from ..marked import marked, pipeline


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("[Zapomycin|Drug] reduced the expression of [IL-6|Target].", "DOWNREGULATES"),
        ("[Zapomycin|Drug] raised serum [IL-6|Target] levels.", "UPREGULATES"),
        ("[Zapomycin|Drug] led to an increase in serum [IL-6|Target].", "UPREGULATES"),
        ("[Zapomycin|Drug] prevented the increase in [IL-6|Target] mRNA.", "DOWNREGULATES"),
        ("[Zapomycin|Drug] prevented the decline of [IL-6|Target] production.", "UPREGULATES"),
        ("[IL-6|Target] secretion was enhanced by [zapomycin|Drug].", "UPREGULATES"),
        ("[Zapomycin|Drug] down-regulated [IL-6|Target] expression.", "DOWNREGULATES"),
        ("[Zapomycin|Drug] up-regulates [IL-6|Target] mRNA.", "UPREGULATES"),
        ("[IL-6|Target] levels were down-regulated by [zapomycin|Drug].", "DOWNREGULATES"),
        ("[Zapomycin|Drug] prevented the down-regulation of [IL-6|Target] mRNA.", "UPREGULATES"),
        ("[Zapomycin|Drug] changed the levels of [IL-6|Target].", ""),
        ("[Zapomycin|Drug] increased the ratio of Bax/[Bcl-2|Target].", ""),
        ("[Zapomycin|Drug] raised the ratio of [Bax|Target]/Bcl-2 and the activation of it.", ""),
        (
            "[Zapomycin|Drug] lowered expression of [IL-6|Target] and activity of Akt.",
            "DOWNREGULATES",
        ),
        ("[Zapomycin|Drug] lowered [IL-6|Target] levels (risk ratio .5).", "DOWNREGULATES"),
        ("[Zapomycin|Drug] reduced the number of [CXCR4|Target](+) cells.", "DOWNREGULATES"),
        ("[Zapomycin|Drug] raised the levels of the inhibitor [p27|Target].", "UPREGULATES"),
        # What these verbs do to a target, they do to its amount.
        ("[Zapomycin|Drug] downregulated [AKT|Target].", "DOWNREGULATES"),
        ("[Zapomycin|Drug] elevated [AKT|Target] in these cells.", "UPREGULATES"),
        ("[Zapomycin|Drug] lowered [CRP|Target].", "DOWNREGULATES"),
        ("[Zapomycin|Drug] raised [CRP|Target].", "UPREGULATES"),
        ("[Zapomycin|Drug] reduced [CRP|Target] and fibrinogen.", "DOWNREGULATES"),
        ("The reduction of [IL-6|Target] by [zapomycin|Drug] was seen.", "DOWNREGULATES"),
        ("[Zapomycin|Drug] reduced [EGFR|Target] phosphorylation.", None),
        ("[AKT|Target] was strongly depleted by [zapomycin|Drug].", "DOWNREGULATES"),
        ("Downregulation of [AKT|Target] by [zapomycin|Drug] was seen.", "DOWNREGULATES"),
        ("[Zapomycin|Drug] prevented an increase in [AKT|Target].", "DOWNREGULATES"),
        ("[Zapomycin|Drug] increased [AKT|Target]-mediated apoptosis.", None),
        ("[Zapomycin|Drug] increased apoptosis via [AKT|Target].", None),
        ("[Zapomycin|Drug] depleted [AKT|Target] clients.", None),
        ("[Zapomycin|Drug] increased survival in [HER2|Target]-positive cancer.", None),
        ("[Zapomycin|Drug] increased [CXCR4|Target] positive cells.", "UPREGULATES"),
        ("[Zapomycin|Drug] increased [AKT|Target] phosphorylation.", None),
        # Of a clause of its own.
        ("[Zapomycin|Drug] inhibits [EGFR|Target], which was overexpressed.", None),
        ("[Zapomycin|Drug] neutralizes [TNF|Target], which is elevated in sepsis.", None),
        ("It acts on [HER2|Target] that is increased by [zapomycin|Drug].", None),
        # More degradation is less of it.
        ("[Zapomycin|Drug] induced the degradation of [AKT|Target].", "DOWNREGULATES"),
        ("[Zapomycin|Drug] blocked [AKT|Target] degradation.", "UPREGULATES"),
        ("[Zapomycin|Drug] degrades [AKT|Target].", "DOWNREGULATES"),
        (
            "[Zapomycin|Drug] induced the degradation of several kinase clients, including"
            " [AKT|Target].",
            "DOWNREGULATES",
        ),
        ("[Zapomycin|Drug] inhibits [IL-6|Target].", None),
        ("[Zapomycin|Drug] reduced [IL-6|Target] activity.", None),
        ("[Zapomycin|Drug] is an [IL-6|Target] antagonist; its level fell.", None),
    ],
)
def test_a_level_and_its_change(text: str, change: str | None) -> None:
    (candidate,) = relation_candidates(marked(pipeline("medkg_sentences"), text))
    assert level_change(candidate.pair) == change


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        # Each verb is of its own target.
        ("[Zapomycin|Drug] inhibited [IL-6|Target] release and increased [TNF|Target] levels.",
         ["DOWNREGULATES", "UPREGULATES"]),
        ("[Zapomycin|Drug] blocked [NF-kB|Target] activation and then reduced [IL-6|Target] mRNA.",
         [None, "DOWNREGULATES"]),
        ("[Zapomycin|Drug] lowered [IL-6|Target] levels in plasma and inhibited [TNF|Target].",
         ["DOWNREGULATES", None]),
        ("[Zapomycin|Drug] inhibited [TNF|Target] and increased [IL-6|Target] levels.",
         [None, "UPREGULATES"]),
        ("[IL-6|Target] mRNA was raised by smoke and lowered by [zapomycin|Drug], which lowers"
         " [TNF|Target] mRNA.", ["DOWNREGULATES", "DOWNREGULATES"]),
        ("[Zapomycin|Drug] acts by inhibiting [TNF|Target] and down-regulating [IL-6|Target]"
         " levels.", [None, "DOWNREGULATES"]),
        ("[Zapomycin|Drug] downregulated [D1|Target] and upregulated [p21|Target].",
         ["DOWNREGULATES", "UPREGULATES"]),
        ("[Zapomycin|Drug] inhibited [TNF|Target] and elevated [p21|Target].",
         [None, "UPREGULATES"]),
        ("[Zapomycin|Drug] inhibited [KIT|Target] and [PDGFRA|Target] was upregulated.",
         [None, None]),
        # Each drug has its own clause.
        ("[Smoke|Drug] increased [IL-6|Target] release; [zapomycin|Drug] lowered [TNF|Target]"
         " release.", ["UPREGULATES", "", "", "DOWNREGULATES"]),
        ("[Smoke|Drug] raised [IL-6|Target] levels, but [zapomycin|Drug] reduced [TNF|Target]"
         " levels.", ["UPREGULATES", "", "DOWNREGULATES", "DOWNREGULATES"]),
        # Of several whose activities are measured, and of one whose amount is.
        ("[Zapomycin|Drug] reduced the activities of [catalase|Target], [reductase|Target] and"
         " glutathione content.", [None, None]),
        ("[Zapomycin|Drug] reduced the activity of [catalase|Target] and [IL-6|Target] levels.",
         [None, "DOWNREGULATES"]),
        # A name in the name of another.
        ("[Zapomycin|Drug] raised the levels of [kinase|Target] inhibitor [p27|Target].",
         ["", "UPREGULATES"]),
        ("[Smoke|Drug] and [zapomycin|Drug] raised [IL-6|Target] levels.",
         ["UPREGULATES", "UPREGULATES"]),
        # What a drug is called changes nothing.
        ("[Zapomycin|Drug], an inhibitor of kinases, raised [IL-6|Target] levels.",
         ["UPREGULATES"]),
        ("After inhibiting kinases, [zapomycin|Drug] raised [IL-6|Target] levels.",
         ["UPREGULATES"]),
    ],
)  # fmt: skip
def test_each_change_is_of_one_drug_and_one_target(text: str, changes: list[str | None]) -> None:
    candidates = relation_candidates(marked(pipeline("medkg_sentences"), text))
    assert [level_change(candidate.pair) for candidate in candidates] == changes
