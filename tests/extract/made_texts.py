"""A small text with what the pipeline could find in it."""

from __future__ import annotations

from medkg.extract.annotated import (
    AnnotatedText,
    End,
    Mention,
    Related,
    Triple,
)

TEXT = "Budesonide helps in asthma.\r\nNo night\r\nsweats, [b]fever[/b] in the family."


def asthma_text(probability: float = 0.9, identifier: str = "note:a/b") -> AnnotatedText:
    """Three mentions and a relation, the disease of this probability."""

    def mention(words: str, kind: str, node: tuple[str, str] | None, *context: str) -> Mention:
        start = TEXT.index(words)
        sure = probability if kind == "Disease" else 0.95
        score = 0.98 if node else 0.0
        name = node or (None, None)
        return Mention(start, start + len(words), words, kind, sure, *name, score, context)

    mentions = (
        mention("Budesonide", "Drug", ("drugbank:DB01222", "Budesonide")),
        mention("asthma", "Disease", ("DOID:2841", "asthma")),
        mention("night\r\nsweats", "Symptom", ("HP:0030166", "Night sweats"), "negated"),
        mention("fever", "Symptom", None, "possible", "family"),
    )
    drug, disease, sweats, _ = mentions
    patient = End("patient:a/b", "patient:a/b", "Patient", None, None)
    first, second = TEXT.index("\r"), TEXT.index("No")
    triples = (
        Triple(_end(drug), "TREATS", _end(disease), 0.8, 0, first, (), {}),
        Triple(patient, "LACKS_PHENOTYPE", _end(sweats), 0.93, second, len(TEXT), (), {}),
    )
    return AnnotatedText(identifier, TEXT, mentions, triples, (Related(0, "TREATS", 1, 0.6),))


def kinase_text() -> AnnotatedText:
    """Two drugs and a target in a sentence, one of the drugs an inhibitor of it."""
    text = "Imatinib inhibits KIT, as aspirin does not."
    mentions = tuple(
        Mention(text.index(w), text.index(w) + len(w), w, kind, 0.9, None, None, 0.0, ())
        for w, kind in (("Imatinib", "Drug"), ("KIT", "Target"), ("aspirin", "Drug"))
    )
    related = Related(0, "TARGETS", 1, 0.9, "inhibitor")
    return AnnotatedText("note:kit", text, mentions, (), (related,))


def _end(mention: Mention) -> End:
    return End(str(mention.identifier), str(mention.name), mention.kind, mention.start, mention.end)
