"""Relations by rules: symptoms of diseases, effects of drugs, genes associated with conditions.

No corpus annotates Disease–HAS_SYMPTOM–Symptom. Its rules (`data/symptom_rules.tsv`) were written
on the development part of the project's own annotation of MACCROBAT
(`data/maccrobat_has_symptom.tsv`) and are measured on its test part. Drugs have corpora (`pairs`),
but none of notes; `data/drug_rules.tsv` holds the turns of phrase that abstracts and labels lack.
Its rules for Drug–CONTRAINDICATED_FOR–Disease and those for a gene and a condition
(`data/association_rules.tsv`) were written on the development part of `data/relation_labels.tsv`.
That a drug binds a target ChemProt counts as no action, and it has few antibodies
(`data/target_rules.tsv`). Drugs that interact no corpus here annotates
(`data/interaction_rules.tsv`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache

from ..tables import table_rows
from .pairs import Entity, EntityPair, overlap

# What <n> and {n} of a pattern stand for.
_GAP = r"(?:(?!(?:but|however|although|without|no|not|;) )\S+ ){{0,{}}}?"
_NEAR = (
    r"(?:[dsm] (?:, )?(?:and |or |, )?"
    r"|(?!(?:but|however|although|without|no|not|and|he|she|they|it|we|which|who|that|then|is|are|was"
    r"|were|has|had|have|been|developed|caused|causing|;|:|,) )\S+ ){{0,{}}}?"
)
# A word of a dose, <dose>; and, <listed>, that the drug before isn't one of a list of doses.
_DOSE = (
    r"(?:\d\S* |(?:mg|mcg|g|units?|u|puffs?|tabs?|po|iv|sc|od|bd|bid|tid|qid|tds|qds|qd|qhs|prn"
    r"|daily|nightly|weekly) )"
)
_LISTED = rf"(?!(?:{_DOSE}|(?:a|day|once|twice|nocte|mane|at|night|as|needed) )+(?:,|;) m )"
# Others of a list, before or behind the one that is meant.
_DRUGS = r"(?:(?:m|the|both|,|and|or|of|\(|\)) )*"
_SIGNS = r"(?:(?:s|,|and|or) )*"
# Verbs of a drug, and of a disease that has a symptom: <heals>, <harms>, <shows>.
_HEALS = (
    r"(?:prevent|prevents|prevented|treat|treats|treated|relieve|relieves|relieved|reverse|reverses"
    r"|reversed|cure|cures|cured|alleviate|alleviates|improve|improves|improved|control|controls"
    r"|controlled|correct|corrects|corrected|suppress|suppresses|suppressed|ameliorates|attenuates)"
)
_HARMS = (
    r"(?:cause|causes|caused|induce|induces|provoke|provokes|trigger|triggers|precipitate"
    r"|precipitates|worsen|worsens|aggravate|aggravates|exacerbate|exacerbates)"
)
_SHOWS = r"(?:causes?|leads? to|presents? with|results? in|produces?|characteri[sz]ed by)"
# A drug that does what the verb behind it says, <agent>; verbs of what a drug brings about,
# <brings>; how cells end, <death>; and, <kills>, that a drug brings such an end in what follows.
_AGENT = r"M (?:(?!(?:;|m|not|no|without|failed|against|by|which|that) )\S+ ){0,4}?"
_BRINGS = (
    r"(?:induc|trigger|caus|promot|provok|evok|elicit|produc|stimulat|enhanc|increas|exert|exhibit"
    r"|show|display|lead|led|result)\w*"
)
_DEATH = (
    "apoptosis|apoptotic|necroptosis|pyroptosis|ferroptosis|anoikis|senescence|autophagy|death"
    "|arrest"
)
_KILLS = (
    rf"{_BRINGS} (?:/ m |(?!(?:;|m|not|no|by|against|resistance|protection|loss|less|inhibition of"
    r"|(?:decreas|reduc|prevent|suppress|lower|delay|impair)\w*) )\S+ ){0,5}?"
    rf"(?:{_DEATH}|cytotoxic\w*|growth inhibition|killing|lysis|[ds] (?=against|towards?)) "
    r"(?:\S+ )?(?:in|of|against|among|towards?|on) (?:(?!(?:;|m|not) )\S+ ){0,6}?"
)
# The name of a condition that is no cancer, <no cancer>.
_NO_CANCER = (
    r"^(?!.*(?:cancer|carcinom|tumou?r|neoplas|malignan|leuka?emi|lymphom|melanom|sarcom|gliom"
    r"|blastom|myelom|mesotheliom|metasta))"
)
# A word that opens no clause of its own: "of M, and M lowers it".
_NO_CLAUSE = r"(?! (?:[a-z]+ly )?(?:lower|rais|increas|decreas|reduc|inhibit|enhanc)(?:e?s|ed) )"
# An open question, <whether>: "whether early use of M"; not what it presupposes, "M-induced".
_WHETHER = (
    r"(?:(?<!of )whether|unclear if|unknown if|known if|uncertain if|determine if) (?:(?:the|an?|m"
    r"|and|or|,|oral|long|term|-|chronic|early|prenatal|maternal|use|exposure|treatment|therapy"
    r"|addition|adding|of|to|with) )*M (?!(?:inhibition|blockade|antagonism|binding|-) )"
    r"(?:(?!(?:;|,|-) )\S+ ){1,12}?"
)
# What is said of m, whose class is M, <class of m>: "m, an antisense M, inhibits".
_CLASS_OF_M = (
    r"m (?:\( \S+ \) )?, an? (?:(?!(?:to|of|for|with|against|like|than|from|in) )[a-z]+ (?:- )?)"
    r"{0,4}?M , (?!which |that )(?:(?!; )\S+ ){0,12}?"
)
# What another is compared with, <beside>: "compared with those on M".
_BESIDE = (
    r"(?:compared (?:with|to)|versus|vs\.?|relative to|in comparison (?:with|to)) (?:(?:those"
    r"|patients|on|with|the|that|of|in|group|receiving|treated) )*M"
)
_NAMED = {
    "listed": _LISTED, "dose": _DOSE, "drugs": _DRUGS, "signs": _SIGNS, "shows": _SHOWS,
    "heals": _HEALS, "harms": _HARMS, "no clause": _NO_CLAUSE, "agent": _AGENT, "brings": _BRINGS,
    "death": _DEATH, "kills": _KILLS, "no cancer": _NO_CANCER, "whether": _WHETHER,
    "class of m": _CLASS_OF_M, "beside": _BESIDE,
}  # fmt: skip
_LETTERS = {"Disease": "d", "Symptom": "s", "Drug": "m", "Target": "g"}


@dataclass(frozen=True)
class Rule:
    """A rule: its name, the relation it states, its precision, and its pattern.

    `unless` must not match the condition's name; None: any name will do. `is_weighed`: in a paper
    it counts as much as the classifiers of documents. `action`: of TARGETS.
    """

    name: str
    relation: str
    precision: float
    expression: str
    unless: re.Pattern[str] | None = None
    is_weighed: bool = False
    action: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression between two spaces, or at an end of the text."""
        return _bounded(self.expression)


_RuleTable = Callable[[], tuple[Rule, ...]]


@cache
def symptom_rules() -> tuple[Rule, ...]:
    """The rules for Disease–HAS_SYMPTOM–Symptom, in order."""
    return tuple(
        Rule(name, "HAS_SYMPTOM", float(precision), _expression(pattern))
        for name, precision, pattern in table_rows("symptom_rules.tsv")
    )


@cache
def drug_rules() -> tuple[Rule, ...]:
    """The rules for a drug and a condition, in order."""
    return tuple(
        Rule(
            name,
            relation,
            float(precision),
            _expression(pattern),
            re.compile(_expression(unless), re.I) if unless else None,
            papers == "weighed",
        )
        for name, relation, precision, pattern, unless, papers in table_rows("drug_rules.tsv")
    )


@cache
def allergy_rule() -> Rule:
    """The rule for a drug and a reaction to it, which the context marks (`doc._.reactions`)."""
    return next(rule for rule in drug_rules() if rule.name == "allergy")


@cache
def association_rules() -> tuple[Rule, ...]:
    """The rules for a gene and a condition, in order: ASSOCIATED_WITH, DENIED or NONE."""
    return tuple(
        Rule(name, relation, float(precision), _expression(pattern))
        for name, relation, precision, pattern in table_rows("association_rules.tsv")
    )


@cache
def target_rules() -> tuple[Rule, ...]:
    """The rules for what a drug does to a target, in order."""
    return tuple(
        Rule(
            name, "TARGETS", float(precision), _expression(pattern), is_weighed=True, action=action
        )
        for name, action, precision, pattern in table_rows("target_rules.tsv")
    )


@cache
def interaction_rules() -> tuple[Rule, ...]:
    """The rules for two drugs of which one changes the other's effect, in order."""
    return tuple(
        Rule(name, "INTERACTS_WITH", float(precision), _expression(pattern))
        for name, precision, pattern in table_rows("interaction_rules.tsv")
    )


def _expression(pattern: str) -> str:
    for name, expression in _NAMED.items():
        pattern = pattern.replace(f"<{name}>", expression)
    expression = re.sub(r"\{(\d+)\}", lambda m: _NEAR.format(m[1]), pattern)
    return re.sub(r"<(\d+)>", lambda m: _GAP.format(m[1]), expression)


def _bounded(expression: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|(?<= ))(?:{expression})(?= |$)")


def rule_text(pair: EntityPair) -> str:
    """Write a pair's sentence in the form that the rules match.

    Words in lower case; each mention as the first letter of its kind (d, s, m for a drug, g for a
    gene or protein, else x), head and tail as capitals.
    """
    marked = _marked(pair.words, pair.mentions)
    if marked is None:
        words = [word.lower() for word in pair.words]
        _mark(words, pair.others)
    else:
        words = list(marked)
    for entity in (pair.tail, pair.head):
        _mark(words, [entity])
        words[entity.start] = words[entity.start].upper()
    return " ".join(filter(None, words))


@lru_cache(maxsize=64)
def _marked(words: tuple[str, ...], mentions: tuple[Entity, ...]) -> tuple[str, ...] | None:
    """Words in lower case, with the mentions marked alike; None where two of these overlap.

    Kept for some windows, since the pairs of a sentence share them.
    """
    if overlap(mentions):
        return None
    marked = [word.lower() for word in words]
    _mark(marked, mentions)
    return tuple(marked)


def _mark(words: list[str], mentions: Iterable[Entity]) -> None:
    """Put each mention's letter in the place of its first word, and nothing in the others'."""
    for start, end, kind in mentions:
        words[start:end] = [_LETTERS.get(kind, "x"), *[""] * (end - start - 1)]


def symptom_rule(pair: EntityPair, *, note: bool = False) -> Rule | None:
    """The first rule that matches a pair of a disease (head) and a symptom (tail).

    In a note, a symptom that somebody with a disease presents with ("45M with gout presents with a
    cough") needn't be that disease's.
    """
    text = rule_text(pair)
    rule = _first(symptom_rules, text)
    return None if rule is not None and note and _COMES_WITH.search(text) else rule


def drug_rule(pair: EntityPair, *, is_disease: bool = False) -> Rule | None:
    """The first rule that matches a pair of a drug (head) and a condition (tail).

    Args:
        is_disease: whether a Symptom may as well be the disease of the same name.
    """
    texts = [rule_text(pair)]
    if is_disease and pair.tail.kind == "Symptom":
        texts.append(rule_text(replace(pair, tail=pair.tail._replace(kind="Disease"))))
    return _drug_rule(tuple(texts), " ".join(pair.words[pair.tail.start : pair.tail.end]))


@lru_cache(maxsize=4096)
def _drug_rule(texts: tuple[str, ...], name: str) -> Rule | None:
    """The first rule that matches one of a pair's texts, and may hold of a condition of this name.

    Kept for the pairs of some documents, which are read sentence by sentence and then as a whole.
    """
    if not any(map(_any_of(drug_rules).search, texts)):
        return None
    return next(
        (
            rule
            for rule in drug_rules()
            if not (rule.unless and rule.unless.search(name))
            and any(map(rule.pattern.search, texts))
        ),
        None,
    )


def target_rule(pair: EntityPair) -> Rule | None:
    """The first rule that matches a pair of a drug (head) and a target (tail)."""
    return _first(target_rules, rule_text(pair))


def interaction_rule(pair: EntityPair) -> Rule | None:
    """The first rule that matches a pair of two drugs, whichever is the head."""
    return _first(interaction_rules, rule_text(pair))


def association_rule(pair: EntityPair) -> Rule | None:
    """The first rule that matches a pair of a gene and a condition, whichever is the head."""
    return _first(association_rules, collapsed(rule_text(pair)))


def collapsed(text: str) -> str:
    """Reduce a list, or "name (abbreviation)", in a rule's text to the member that is in the pair.

    What a sentence states of a list of genes or conditions holds for each.
    """
    text = _GENES.sub("G", text)
    return _CONDITIONS.sub(lambda match: match[1], text)


def _list(small: str, capital: str) -> re.Pattern[str]:
    one = rf"{small}(?: \( {small} \))?"
    joined = "(?: , and | , | and | / | or )"
    return re.compile(
        rf"(?<!\S)(?:{one}(?:{joined}| \( ))*{capital}(?: \( {small} \)| \))?"
        rf"(?:{joined}{one})*(?!\S)"
    )


_COMES_WITH = _bounded(
    _expression(
        "(?:man|woman|boy|girl|male|female|lady|gentleman|patient|pt|m|f|old|he|she)"
        " (?:who |was |is |has |had |known )*(?:with|has|had) {6}D <10>"
        "(?:presents|presented|admitted|referred|came|comes|complains|complained) <16>S"
    )
)
_GENES = _list("g", "G")
_CONDITIONS = _list("[ds]", "([DS])")


@cache
def _any_of(rules: _RuleTable) -> re.Pattern[str]:
    """A pattern that matches where any rule does.

    Most pairs match none, which one pass over the text shows sooner than one for each rule.
    """
    return _bounded("|".join(rule.expression for rule in rules()))


@lru_cache(maxsize=1024)
def _first(rules: _RuleTable, text: str) -> Rule | None:
    """The first rule that matches; kept for some texts, since the pairs of a list have few."""
    if _any_of(rules).search(text) is None:
        return None
    return next(rule for rule in rules() if rule.pattern.search(text))


def forget_texts() -> None:
    """Empty what is kept of sentences that were read, which may be of patients."""
    for kept in (_marked, _drug_rule, _first):
        kept.cache_clear()
