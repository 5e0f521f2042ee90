"""What the HTTP API takes and gives: one class for each message, which OpenAPI documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from medkg.graph.units import OLDEST

Age = Annotated[float, Field(ge=0, le=OLDEST)]  # in years
Name = Annotated[str, Field(max_length=200)]
Names = Annotated[list[Name], Field(max_length=200)]


class Message(BaseModel):
    """A message; what it doesn't know is refused."""

    model_config = ConfigDict(extra="forbid")


# What is sent


class SearchRequest(Message):
    """A name, synonym, identifier or cross-reference, whole or in part."""

    text: Name
    kind: Name | None = None
    most: Annotated[int, Field(ge=1, le=200)] = 30


class EntityRequest(Message):
    """An entity by kind and identifier; of each relation so many facts, or those of one."""

    kind: Name
    id: Name
    relation: Name | None = None
    most: Annotated[int, Field(ge=1, le=500)] = 10


class HypothesesRequest(Message):
    """A drug, target or disease, by identifier or name."""

    entity: Name
    known: bool = False
    most: Annotated[int, Field(ge=1, le=200)] = 20


class QueryRequest(Message):
    """A query of the library by its name, or Cypher, which can only read."""

    name: Name | None = None
    cypher: Annotated[str, Field(max_length=20_000)] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    most: Annotated[int, Field(ge=1, le=10_000)] = 500


class NoteRequest(Message):
    """The text of a clinical note. It is kept nowhere."""

    text: Annotated[str, Field(min_length=1, max_length=200_000)]


class DiagnosisRequestMessage(Message):
    """What is known of a patient: phenotypes, by identifier or name, seen and absent."""

    present: Annotated[Names, Field(min_length=1)]
    absent: Names = Field(default_factory=list)
    unknown: Names = Field(default_factory=list)
    genes: Names = Field(default_factory=list)
    onset: Name | None = None
    sex: Literal["female", "male"] | None = None
    age: Age | None = None
    most: Annotated[int, Field(ge=1, le=100)] = 10


class ExplanationRequest(Message):
    """A pair of the model's relation, by identifier or name: such as a drug and a target."""

    head: Name
    tail: Name


class TreatmentRequest(Message):
    """Diseases to treat, and the patient whom a drug is sought for."""

    diseases: Annotated[Names, Field(min_length=1)]
    also: Names = Field(default_factory=list)
    symptoms: Names = Field(default_factory=list)
    taking: Names = Field(default_factory=list)
    allergic: Names = Field(default_factory=list)
    age: Age | None = None
    sex: Literal["female", "male"] | None = None
    pregnant: bool | None = None
    most: Annotated[int, Field(ge=1, le=100)] = 10


# What is answered


class Overview(Message):
    """What the graph holds, and what can be asked of this site."""

    account: str
    sees_patients: bool
    may_write: bool
    kinds: dict[str, int]
    sources: list[dict[str, str]]
    diagnosis: str | None
    treatment: str | None
    links: str | None


class Match(Message):
    """An entity that a text may mean; `matched` is the name or identifier that the text is like."""

    kind: str
    id: str
    name: str
    matched: str


class Evidence(Message):
    """A piece of evidence: who says so, where, how surely, about whom."""

    source: str
    release: str | None
    level: str
    document: str | None
    sentence: str | None
    start: int | None
    end: int | None
    polarity: str
    certainty: str
    experiencer: str
    temporality: str
    probability: float
    references: list[str]
    extractor: str | None


class Fact(Message):
    """An edge by its other end, with its evidence, the most probable first."""

    kind: str
    id: str
    name: str
    probability: float
    evidence_count: int
    sources: list[str]
    edge: str
    evidence: list[Evidence]


class Facts(Message):
    """The edges of a relation, the most probable first, and how many there are."""

    relation: str
    outgoing: bool
    count: int
    facts: list[Fact]


class Hypothesis(Message):
    """A prediction by its other end, with probability, rank, model and explanation."""

    kind: str
    id: str
    name: str
    probability: float | None
    rank: int | None
    direction: str | None
    model: str
    known: bool | None
    explanation: list[str]


class Hypotheses(Message):
    """The predictions of a relation, the most probable first, and how many there are."""

    relation: str
    outgoing: bool
    count: int
    hypotheses: list[Hypothesis]


class Entity(Message):
    """A node with its facts and hypotheses."""

    kind: str
    id: str
    name: str
    synonyms: list[str]
    xrefs: list[str]
    aliases: list[str]
    properties: dict[str, Any]
    facts: list[Facts]
    hypotheses: list[Hypotheses]


class Table(Message):
    """The rows of an answer; `note` is what helps where there are none.

    `truncated`: there are more or, of a query with `top` that has as many rows, may be.
    """

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    note: str


class Explanation(Message):
    """Why a model gives a pair its score, as `medkg explain` prints it and as `--json` has it."""

    model: str
    text: str
    explanation: dict[str, Any]


class QueryParameter(Message):
    """A parameter of a query of the library."""

    name: str
    type: str
    kinds: list[str]
    required: bool
    default: Any
    description: str


class LibraryQuery(Message):
    """A query of the library."""

    name: str
    title: str
    description: str
    parameters: list[QueryParameter]
    columns: dict[str, str]
    cypher: str


class NoteFinding(Message):
    """What was read in a sentence of a note; `keep` is yes, no (absent), maybe or drop.

    What is maybe has a `probability`: it is worded like the name in its `context`. Else it is null.
    """

    keep: str
    phenotype: str
    name: str
    text: str
    context: str
    start: int
    end: int
    sentence: str
    probability: float | None = None


class NoteReading(Message):
    """What was read in a note: its findings, and the sex and the age (years) of its patient."""

    findings: list[NoteFinding]
    sex: str | None = None
    age: float | None = None


class Question(Message):
    """A phenotype to ask for next; `gain` in bits, `probability` of a yes."""

    rank: int
    phenotype: str
    name: str
    definition: str | None
    gain: float
    probability: float
    speaks_for: list[str]


class Diagnosis(Message):
    """The ranking of diseases, as `medkg diagnose --json --explain` prints it; what to ask next."""

    model: str
    case: dict[str, Any]
    names: dict[str, str]
    questions: list[Question]


class WrittenPatient(Message):
    """What a patient is called in the graph that they were written to."""

    patient: str
