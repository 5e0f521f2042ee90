"""Disease–HAS_SYMPTOM–Symptom, by rules: no corpus annotates it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spacy.tokens import Span

from ...graph.identifiers import name_key_of
from ..abbreviations import abbreviations_of
from ..tokens import text_of
from .candidates import RelationCandidate, may_be
from .extracted import ExtractedRelation, extracted
from .rules import symptom_rule

_SHORT_FORMS = "medkg short forms"  # of a document, with the key of what each stands for
# The precision from which on a rule asserts it.
SYMPTOM_THRESHOLD = 0.5


def symptom_relations(
    candidates: Iterable[RelationCandidate], *, note: bool
) -> Iterator[ExtractedRelation]:
    """What symptoms diseases have, as the sentences of a document say.

    Args:
        candidates: its pairs of mentions.
        note: whether it is a patient's.
    """
    for head, tail, pair, _ in candidates:
        # What shows itself has to be a disease; a symptom may be one, too: hypertension.
        if head.label_ == "Disease" and may_be(tail, "Symptom"):
            rule = symptom_rule(pair, note=note)
            if rule is None or rule.precision < SYMPTOM_THRESHOLD:
                continue
            if not _same(head, tail):
                yield extracted(head, "HAS_SYMPTOM", tail, rule.precision)


def _same(one: Span, other: Span) -> bool:
    """Whether two mentions mean one thing: a node, its twin, or a name and its short form."""
    nodes = [
        {mention._.identifier, mention._.twin and mention._.twin.identifier} - {None}
        for mention in (one, other)
    ]
    if nodes[0] & nodes[1]:
        return True
    shorts = one.doc.user_data.get(_SHORT_FORMS)
    if shorts is None:
        text = text_of(one.doc)
        shorts = {
            each.short: name_key_of(text[slice(*each.long)]) for each in abbreviations_of(one.doc)
        }
        one.doc.user_data[_SHORT_FORMS] = shorts
    names = [shorts.get(mention.text, name_key_of(mention.text)) for mention in (one, other)]
    # Of "familial blue palsy (BP)" the short form stands for a part.
    return names[0] == names[1] or any(
        mention.text in shorts and whole.endswith(name)
        for mention, name, whole in ((one, *names), (other, *names[::-1]))
    )
