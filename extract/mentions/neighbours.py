"""What the words beside a name say that it is (component `medkg_neighbours`).

"DMD" is a disease, but in "mutations of VHL and DMD" it is a gene; "hepatitis B" is one, too, but
not in "hepatitis B virus". CHOP is a gene, but in "the CHOP regimen" several drugs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from spacy.language import Language
from spacy.tokens import Doc, Span

from ...core.errors import ModelError
from ...graph.kg import KnowledgeGraph
from ..abbreviations import Abbreviation, abbreviations_of
from ..tables import table_rows
from ..tokens import StatelessComponent, text_of
from .variants import OF_REPEAT, variants

_CONDITIONS = ("Disease", "Symptom")
# Of a symbol that the recogniser missed. All 495 that these rules find in BioRED are annotated as
# genes, but its abstracts are chosen for their genes.
PROBABILITY = 0.9
_LONGEST_BEFORE_VARIANT = 30  # characters
_SYMBOL = r"[A-Z][A-Za-z0-9]*(?:-[A-Z0-9]+)?"
# At most so many, since a list is read again from each of its items.
_SYMBOLS = rf"{_SYMBOL}(?:(?:,? (?:and|or|and/or) (?:the )?|, (?:the )?|/){_SYMBOL}){{0,20}}"


def any_of(role: str) -> str:
    """A pattern of the words of a role in `data/gene_words.tsv`."""
    forms = [form for of_form, form in table_rows("gene_words.tsv") if of_form == role]
    return f"(?:{'|'.join(forms)})"


_GENE_WORD = any_of("word")
_PRODUCT = f"(?:{any_of('product')}|{any_of('acting')})"
_MODIFIER = f"(?:{any_of('modifier')} )"
# "the VHL and ATM genes", and "mutations in exon 2 of VHL, ATM", which are no patients'.
_BEFORE_WORD = re.compile(
    rf"(?<![\w-])(?P<symbols>{_SYMBOLS})\)? {_MODIFIER}*(?:{_GENE_WORD}|{_PRODUCT})(?![\w-])"
)
_AFTER_WORD = re.compile(
    rf"(?<![\w-]){_GENE_WORD}(?: \d{{1,4}}\w{{0,4}})?"
    r"(?: (?:of|in|at|within|for)(?: the| both| either| human)?"
    rf"| ?\(|:)? ?(?<= |\()(?P<symbols>{_SYMBOLS})(?![\w-])"
    rf"(?! {any_of('bearer')})",
    re.IGNORECASE,
)
_BEHIND_REPEAT = re.compile(
    rf"(?:{OF_REPEAT.pattern}) (?:in|of|within)(?: the)? (?P<symbol>{_SYMBOL})(?![\w-])"
    rf"(?! {any_of('bearer')})"
)
_BEFORE_VARIANT = re.compile(rf"(?<![\w-])(?P<symbol>{_SYMBOL})(?: ?\(|[ -])$")
_GENE_OF = re.compile(rf"(?:{any_of('allele')} )?(?P<symbol>{_SYMBOL}) {_MODIFIER}*{_GENE_WORD}")
_NAMES_GENE = rf"[^()]*\) {_MODIFIER}*{_GENE_WORD}(?!\w)"
# Not the disease that it causes, unless that is named behind it.
_VIRUS = re.compile(
    r"(?:(?: type)? [A-E]\d?)?[ -]virus(?:es)?(?!\w)(?![ -](?:infection|disease|illness))"
)
# Several drugs given together, which a gene may be called like: "the CHOP regimen".
_REGIMEN = re.compile(rf"(?<![\w-])(?P<name>[A-Z][A-Z-]{{2,}})[- ]{any_of('regimen')}(?!\w)")
# The code of a compound, where the text says that it is one: "PKC412, a multi-kinase inhibitor".
_COMPOUND = re.compile(
    r"(?<![\w-])(?P<name>[A-Z]{2,6}[- ]?\d{3,}[A-Za-z]?)"
    rf"(?:,? (?:\([^()]{{1,60}}\),? )?(?:is )?(?:an?|the) (?:[\w/-]+ ){{0,5}}?{any_of('compound')}"
    rf"| {any_of('treatment')})(?!\w)"
)
_NO_CONDITION = re.compile(
    r".*\b(?:virus(?:es)?|mutations?|variants?|polymorphisms?|alleles?|genotypes?|remissions?)",
    re.IGNORECASE | re.DOTALL,
)


@Language.factory("medkg_neighbours", requires=["doc.spans"])
def create_neighbours(nlp: Language, name: str) -> Neighbours:
    """The factory of `Neighbours`; give it its names with `use`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return Neighbours()


class Neighbours(StatelessComponent):
    """Makes targets of genes' symbols where the text speaks of genes, and no diseases of viruses.

    A symbol that the document defines as a disease's short form stays what it is.
    """

    def __init__(self) -> None:
        self._symbols: frozenset[str] | None = None

    def use(self, terminology: KnowledgeGraph) -> Neighbours:
        """Take the symbols of this graph's genes: the names of its targets that are one word."""
        names = terminology.nodes.filter(kind="Target")["name"]
        is_symbol = names.str.contains(rf"^{_SYMBOL}$") & names.str.contains(
            r"^.*[A-Z0-9].*[A-Z0-9]"
        )
        self._symbols = frozenset(names.filter(is_symbol))
        return self

    def __call__(self, doc: Doc) -> Doc:
        if self._symbols is None:
            raise ModelError(
                'medkg_neighbours has no names: get_pipe("medkg_neighbours").use(graph)'
            )
        text = text_of(doc)
        mentions = [m for m in doc.spans.get("mentions", []) if not _is_no_condition(m, text)]
        symbols = [
            span
            for start, end in sorted(set(_symbols_of_genes(text)))
            if text[start:end] in self._symbols
            and (span := doc.char_span(start, end, label="Target")) is not None
        ]
        if symbols:
            defined = set(_short_forms_of_diseases(doc, mentions))
            mentions = _with_symbols(mentions, [s for s in symbols if s.text not in defined])
        drugs = {match["name"] for match in _REGIMEN.finditer(text)}
        drugs |= {match["name"] for match in _COMPOUND.finditer(text)} - self._symbols
        doc.spans["mentions"] = [_drug_if_named(mention, drugs) for mention in mentions]
        return doc


def _is_no_condition(mention: Span, text: str) -> bool:
    """Whether what is called a condition is a virus, a gene's variant, or the end of a disease."""
    if mention.label_ not in _CONDITIONS:
        return False
    follows = _VIRUS.match(text, mention.end_char)
    return bool(follows or _NO_CONDITION.fullmatch(mention.text))


def _drug_if_named(mention: Span, drugs: set[str]) -> Span:
    """The drug where a target has the name of one in this document; else the mention as it is."""
    if mention.label_ != "Target" or mention.text not in drugs:
        return mention
    drug = Span(mention.doc, mention.start, mention.end, label="Drug")
    drug._.probability = mention._.probability
    return drug


def _symbols_of_genes(text: str) -> Iterator[tuple[int, int]]:
    """Where words stand that a text calls genes, or says to have variants ("EGFR T790M")."""
    of_variants = list(variants(text))
    in_variants = {at for start, end in of_variants for at in range(start, end)}
    for pattern in (_BEFORE_WORD, _AFTER_WORD):
        for match in pattern.finditer(text):
            for symbol in re.finditer(_SYMBOL, match["symbols"]):
                start = match.start("symbols") + symbol.start()
                if start not in in_variants:  # "a CAG expansion"
                    yield start, start + len(symbol[0])
    yield from (match.span("symbol") for match in _BEHIND_REPEAT.finditer(text))
    for start, _ in of_variants:
        before = max(0, start - _LONGEST_BEFORE_VARIANT)
        if (named := _BEFORE_VARIANT.search(text[before:start])) is not None:
            yield before + named.start("symbol"), before + named.end("symbol")


def _short_forms_of_diseases(doc: Doc, mentions: Iterable[Span]) -> Iterator[str]:
    """The short forms that a document defines for diseases."""
    conditions = {(m.start_char, m.end_char) for m in mentions if m.label_ in _CONDITIONS}
    text = text_of(doc)
    for short in abbreviations_of(doc):
        if short.long in conditions and not _is_gene(text, short):
            yield short.short


def _is_gene(text: str, short: Abbreviation) -> bool:
    """Whether a text defines a gene by a disease's name, as in "polyposis coli (APC) gene"."""
    definition = re.compile(rf" ?\({re.escape(short.short)}{_NAMES_GENE}")
    return bool(definition.match(text, short.long[1]))


def gene_name(target: str) -> str:
    """The symbol of a gene that a mention names: VHL of "VHL gene" and of "mutant VHL allele"."""
    match = _GENE_OF.fullmatch(target)
    return match["symbol"] if match else target


def _with_symbols(mentions: list[Span], symbols: list[Span]) -> list[Span]:
    """The mentions in order, with the symbols, unless they are part of a longer name."""
    at_token = {token: n for n, m in enumerate(mentions) for token in range(m.start, m.end)}
    replaced: set[int] = set()
    added = []
    for symbol in symbols:
        number = at_token.get(symbol.start)
        if number is not None:
            mention = mentions[number]
            rest = mention.text.replace(symbol.text, "", 1).strip()
            # Of "ATM mutations", a procedure, the symbol is the name.
            if rest and (
                mention.label_ in ("Target", *_CONDITIONS)
                or re.fullmatch(rf"{_MODIFIER}*{_GENE_WORD}", rest) is None
            ):
                continue
            if mention.label_ == "Target":
                continue
            replaced.add(number)
            symbol._.probability = mention._.probability
        else:
            symbol._.probability = PROBABILITY
        added.append(symbol)
    kept = [mention for number, mention in enumerate(mentions) if number not in replaced]
    return sorted([*kept, *added], key=lambda mention: mention.start)
