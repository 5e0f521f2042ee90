"""Diagnoses of several patients at once, with what is to be noted of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, NotRequired, TypedDict

from medkg.core.progress import track
from medkg.core.quarantine import Quarantine
from medkg.core.remembered import remembered
from medkg.diagnosis.patients import PatientFindings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medkg.mining.diagnosis.circumstances import Circumstances, Factors
    from medkg.mining.diagnosis.knowledge import Floats, Integers
    from medkg.mining.diagnosis.model import Diagnosis, DiagnosisModel
    from medkg.mining.diagnosis.phenotypes import Findings

DEFAULT_COVERAGE = 0.9  # probability that a set of diseases holds the true one
_BATCH = 100  # patients scored at a time
# A set of more diseases than this says that too little is known, and what to ask for.
_MANY = 10
_LISTED = 10  # of such a set, unless a coverage was requested
_ASKED_FOR = 3


class NamedDisease(TypedDict):
    """A disease by identifier and name."""

    disease: str
    name: str


class NamedPhenotype(TypedDict):
    """A phenotype by identifier and name."""

    phenotype: str
    name: str


class OpenSetResult(TypedDict):
    """Whether a patient's disease is a candidate at all, and a set that holds it.

    Attributes:
        none_of_these: probability that the disease is no candidate.
        base_rate: how often it is none before anything is known of a patient: by the cases that
            the model was fitted on, or, of a clinic's patients, as `clinic.BASE_RATE` takes it.
        coverage: probability with which the disease is in the set.
        size: number of diseases in the set.
        with_none: whether "none of these" is in the set.
        set: the diseases in the order of the diagnoses; of one patient, or where a coverage was
            given. Without one, of a large set the first ten.
        ask: of one patient, where the set has more than ten diseases, what to ask for first.
    """

    none_of_these: float
    base_rate: float
    coverage: float
    size: int
    with_none: bool
    set: NotRequired[list[NamedDisease]]
    ask: NotRequired[list[NamedPhenotype]]


class DiseaseSeries(TypedDict):
    """Diseases of the list that are of one numbered series.

    Attributes:
        name: of the series.
        probability: of all that are of it, listed or not.
        ranks: of those that are listed.
    """

    name: str
    probability: float
    ranks: list[int]


class PatientDiagnosis(TypedDict):
    """The ranking of one patient; see `diagnose_patients`."""

    patient: str
    present: list[str]
    excluded: list[str]
    uncertain: dict[str, float]
    notes: list[str]
    known: list[str]
    known_rank: int | None
    diagnoses: list[Diagnosis]
    series: list[DiseaseSeries]
    open_set: OpenSetResult | None


def diagnose_patients(
    model: DiagnosisModel,
    patients: Sequence[PatientFindings],
    quarantine: Quarantine,
    *,
    top: int = 10,
    circumstances: Circumstances | None = None,
    coverage: float | None = None,
) -> list[PatientDiagnosis]:
    """The most probable diseases of each of several patients.

    A patient of whom the model knows no phenotype is set aside.

    Args:
        coverage: probability with which the disease is in the set of `open_set`; by default 0.9.

    Returns:
        For each: `patient`, `present`, `excluded`, `uncertain` (the probabilities of what isn't
        certain; the likely ones are in `present`, too), `notes`, `diagnoses` (as dictionaries, see
        `DiagnosisModel.diagnose`), `series` (those of the list that are of one numbered
        series, with how probable the whole of it is), of the diagnoses that are known (`known`) the
        first that is a candidate with its rank (`known_rank`; None where none of them is, with a
        note; a note says, too, where the model knows the publication, so that the rank is no test
        of it), and `open_set`, None where the model has none. Probabilities of phenotypes count for
        those of diseases; everything else takes the likely ones as present. "None of these" and the
        set go by all that is known where how common diseases are counts (`clinic`), else "none of
        these" by the phenotypes seen alone, as it was fitted; see `OpenSet.none_and_sets` for what
        the set goes by then.
    """
    from medkg.mining.diagnosis.posterior import factors_for

    ranking = _Ranking(
        model,
        factors=factors_for(model, circumstances),
        top=top,
        coverage=coverage or DEFAULT_COVERAGE,
        # A set is of hundreds of diseases; those of a folder's patients are given on request.
        with_sets=coverage is not None or len(patients) == 1,
        most_listed=_LISTED if coverage is None else None,
        asks=len(patients) == 1,
        publications=(_publications_known(model) if any(p.references for p in patients) else set()),
    )
    results: list[PatientDiagnosis] = []
    batches = list(_batches(patients))
    for batch in track(batches, "diagnose") if len(batches) > 1 else batches:
        usable = [p for p in batch if len(model.knowledge.columns_of(p.findings.present))]
        for patient in batch:
            if patient not in usable:
                row = "; ".join([patient.id, *patient.findings.notes])
                quarantine.add(why_none_is_ranked([patient]), path="patients", row=row)
        if usable:
            results += ranking.of(usable)
    return results


def why_none_is_ranked(patients: Sequence[PatientFindings]) -> str:
    """What is wrong with patients for whom diseases can't be ranked."""
    if any(patient.findings.present for patient in patients):
        return "no phenotype is left that the model knows"
    return "no phenotype is there to rank diseases by: none was seen"


def ranked_rows(
    model: DiagnosisModel,
    findings: Findings,
    *,
    top: int,
    circumstances: Circumstances | None,
) -> list[Diagnosis]:
    """The diagnoses of `diagnose_patients` of one patient of whom the model knows a phenotype."""
    from medkg.mining.diagnosis.posterior import factors_for

    ranked = RankedPatients.of(model, [findings], factors_for(model, circumstances))
    return model.rows_of(
        ranked.present[0], ranked.excluded[0], ranked.scores[0], ranked.logs[0], top
    )


def _batches(patients: Sequence[PatientFindings]) -> Iterator[Sequence[PatientFindings]]:
    for start in range(0, len(patients), _BATCH):
        yield patients[start : start + _BATCH]


@dataclass(frozen=True)
class RankedPatients:
    """Patients as the model knows them, with the scores and probabilities of all diseases.

    Attributes:
        present, excluded: columns of each patient's phenotypes; the likely ones are present, too.
        explained: those present without the everyday conditions beside them.
        scores: by these, patients × diseases.
        logs: logarithms of the probabilities, patients × diseases.
    """

    present: list[Integers]
    excluded: list[Integers]
    explained: Sequence[Integers]
    scores: Floats
    logs: Floats

    @classmethod
    def of(
        cls, model: DiagnosisModel, patients: Sequence[Findings], factors: Factors | None
    ) -> RankedPatients:
        """Rank for patients of each of whom the model knows a phenotype."""
        from medkg.mining.diagnosis.posterior import posterior, to_explain

        knowledge = model.knowledge
        present = [knowledge.columns_of(findings.present) for findings in patients]
        excluded = [knowledge.columns_of(findings.excluded) for findings in patients]
        explained = to_explain(factors, present)
        scores = model.scores(explained)
        logs = posterior(model, present, excluded, factors, scores)
        for number, findings in enumerate(patients):
            if findings.uncertain:
                logs[number] = _uncertain_logs(model, findings, factors)
        return cls(present, excluded, explained, scores, logs)


def _uncertain_logs(
    model: DiagnosisModel, findings: Findings, factors: Factors | None
) -> NDArray[np.float64]:
    """Logarithms of the probabilities of the diseases, by those of the phenotypes."""
    from medkg.mining.diagnosis.posterior import uncertain_posterior

    knowledge = model.knowledge
    probabilities: dict[int, float] = {}
    for phenotype, value in findings.uncertain.items():
        for column in knowledge.columns_of([phenotype]).tolist():
            probabilities[column] = max(value, probabilities.get(column, 0.0))
    certain = [each for each in findings.present if each not in findings.uncertain]
    seen, absent = knowledge.columns_of(certain), knowledge.columns_of(findings.excluded)
    return uncertain_posterior(model, seen, absent, probabilities, factors)


@dataclass(frozen=True)
class _Ranking:
    """How patients are ranked.

    Attributes:
        factors: likelihood ratios of what is known beside phenotypes.
        top: how many diagnoses each gets.
        coverage, with_sets: of the sets of diseases, and whether these are listed.
        most_listed: how many of a large set are; None: all.
        asks: whether a large set says what to ask for, which takes as long as the ranking.
        publications: those that the model was made from.
    """

    model: DiagnosisModel
    factors: Factors | None
    top: int
    coverage: float
    with_sets: bool
    most_listed: int | None
    asks: bool
    publications: Set[str]

    def of(self, patients: Sequence[PatientFindings]) -> list[PatientDiagnosis]:
        """The results of patients of each of whom the model knows a phenotype."""
        from medkg.core.ranking import ordinal_rank

        model, knowledge = self.model, self.model.knowledge
        ranked = RankedPatients.of(model, [patient.findings for patient in patients], self.factors)
        present, excluded, scores, logs = (
            ranked.present,
            ranked.excluded,
            ranked.scores,
            ranked.logs,
        )
        shown = [own if len(own) else p for own, p in zip(ranked.explained, present, strict=True)]
        open_sets = self._open_sets(shown, scores, logs)
        for open_set, seen, absent in zip(open_sets, present, excluded, strict=True):
            if open_set is not None and "set" in open_set and open_set["size"] > _MANY:
                if self.asks:
                    open_set["ask"] = self._ask(seen, absent)
                open_set["set"] = open_set["set"][: self.most_listed]
        results: list[PatientDiagnosis] = []
        for number, patient in enumerate(patients):
            rows = (knowledge.disease_rows.get(disease) for disease in patient.diseases)
            known_row = next((row for row in rows if row is not None), None)
            known_rank = None if known_row is None else ordinal_rank(logs[number], known_row)
            diagnoses = model.rows_of(
                present[number], excluded[number], scores[number], logs[number], self.top
            )
            results.append(
                {
                    "patient": patient.id,
                    "present": list(patient.findings.present),
                    "excluded": list(patient.findings.excluded),
                    "uncertain": dict(patient.findings.uncertain),
                    "notes": [
                        *patient.findings.notes,
                        *self._everyday(patient),
                        *self._notes(patient, known_row),
                    ],
                    "known": list(patient.diseases),
                    "known_rank": known_rank,
                    "diagnoses": diagnoses,
                    "series": self._series(diagnoses, logs[number]),
                    "open_set": open_sets[number],
                }
            )
        return results

    def _series(self, diagnoses: Sequence[Diagnosis], logs: Floats) -> list[DiseaseSeries]:
        """The series that at least two of a patient's diagnoses are of, the most probable first."""
        import numpy as np

        from medkg.mining.diagnosis.series import series_name

        members_of = _members(self.model)
        ranks: dict[tuple[str, ...], list[int]] = {}
        for row in diagnoses:
            if row["disease"] in members_of:
                ranks.setdefault(tuple(members_of[row["disease"]]), []).append(row["rank"])
        rows, names = self.model.knowledge.disease_rows, self.model.names
        several = [
            DiseaseSeries(
                name=series_name([names[each] for each in members]),
                probability=float(np.exp(logs[list({rows[each] for each in members})]).sum()),
                ranks=of_one,
            )
            for members, of_one in ranks.items()
            if len(of_one) > 1
        ]
        return sorted(several, key=lambda series: -series["probability"])

    def _ask(self, present: Integers, excluded: Integers) -> list[NamedPhenotype]:
        """The phenotypes that are expected to narrow a patient's list most."""
        from medkg.mining.diagnosis.ask import questions

        unknown = self.model.knowledge.columns_of([])
        rows = questions(
            self.model, present, excluded, unknown, top=_ASKED_FOR, factors=self.factors
        )
        columns = rows.select("phenotype", "name").iter_rows()
        return [{"phenotype": phenotype, "name": name} for phenotype, name in columns]

    def _everyday(self, patient: PatientFindings) -> Iterator[str]:
        """A note on the findings that stand beside what is to be explained."""
        knowledge, findings = self.model.knowledge, patient.findings
        if self.factors is None:
            return
        certain = [each for each in findings.present if each not in findings.uncertain]
        is_certain = set(knowledge.columns_of(certain).tolist())
        explained, conditions = self.factors.split(knowledge.columns_of(findings.present))
        ids = [knowledge.phenotypes[column] for column in conditions if column in is_certain]
        names = ", ".join(self.model.names.get(each, each) for each in ids)
        if ids and len(explained):
            yield (
                f"{names}: many people have this anyway, whatever they come with, so that it counts"
                " for little"
            )
        elif ids:
            yield (
                f"{names}: many people have this anyway; with no other finding the list goes by how"
                " common diseases are and how often they show it"
            )

    def _notes(self, patient: PatientFindings, known_row: int | None) -> Iterator[str]:
        """Notes on a patient whose diagnosis is known."""
        if patient.diseases and known_row is None:
            listed = ", ".join(patient.diseases)
            yield f"its diagnosis ({listed}) is no candidate: the graph doesn't describe it"
        if known_row is not None and (cited := sorted(self.publications & {*patient.references})):
            yield (
                f"where it is published ({', '.join(cited)}) is among what the model was made from,"
                " so that the rank of its diagnosis is no test of the model"
            )

    def _open_sets(
        self, present: Sequence[Integers], scores: Floats, logs: Floats
    ) -> Sequence[OpenSetResult | None]:
        """`open_set` of each patient; see `diagnose_patients`."""
        from medkg.mining.diagnosis.clinic import clinic_open_set
        from medkg.mining.diagnosis.explained import PatientEvidence
        from medkg.mining.diagnosis.open_set import Ordered

        model = self.model
        if model.open_set is None:
            return [None] * len(present)
        diseases, names = model.knowledge.diseases, model.names
        evidence = PatientEvidence(model.knowledge.as_stated, present)
        if self.factors is not None and self.factors.of_a_clinic:
            opened = clinic_open_set()
            chances = opened.probabilities(logs, evidence)
            all_none, sets = chances[:, -1], Ordered.of(chances).sets(opened.limit(self.coverage))
        else:
            opened = model.open_set
            all_none, sets = opened.none_and_sets(scores, evidence, logs, self.coverage)
        results: list[OpenSetResult] = []
        for none, rows in zip(all_none, sets, strict=True):
            result: OpenSetResult = {
                "none_of_these": float(none),
                "base_rate": opened.base_rate,
                "coverage": self.coverage,
                "size": int((rows >= 0).sum()),
                "with_none": bool((rows < 0).any()),
            }
            if self.with_sets:
                members = [diseases[row] for row in rows if row >= 0]
                result["set"] = [{"disease": id_, "name": names.get(id_, id_)} for id_ in members]
            results.append(result)
        return results


@remembered
def _members(model: DiagnosisModel) -> dict[str, list[str]]:
    """Of each disease that is of a series all of it, see `series_members`."""
    from medkg.mining.diagnosis.series import series_members

    known = model.knowledge.disease_rows
    keys = model.kg.nodes.filter(kind="Disease").select("id", "name_key").iter_rows()
    return series_members({disease: key for disease, key in keys if disease in known})


def _publications_known(model: DiagnosisModel) -> set[str]:
    """Papers that the model's knowledge cites, and the publications of the patients it learnt
    from."""
    from medkg.mining.diagnosis.leaks import cited_by

    patients = {*model.knowledge.patient_publications, *model.settings.get("learnt_from", ())}
    cited = cited_by(model.kg) | patients
    return {each for each in cited if each.startswith(("PMID:", "doi:", "DOI:"))}
