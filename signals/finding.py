"""What an examination shows of a patient: a coded finding with its probability and its source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A finding of a patient.

    Attributes:
        code: CURIE of a Symptom or Disease, such as HP:0006682.
        name: its name.
        probability: that the patient has it, calibrated.
        present: whether it is over its model's operating point: then it is an edge, else evidence
            alone.
        procedure: kind of examination, such as "electrocardiogram".
        source: the model or table that says so, with its version.
        region: where in the examination: "3.1–3.9 s, 12 beats", "sodium 118 mmol/L".
        predicted: whether a model says so, and no rule or table.
        excluded: whether the examination shows that the patient hasn't it.
        file, checksum, device, date: of the examination, where they are known.
        remarks: what was changed in reading the examination.
    """

    code: str
    name: str
    probability: float
    present: bool
    procedure: str
    source: str
    region: str = ""
    file: str = ""
    checksum: str = ""
    device: str = ""
    date: str = ""
    excluded: bool = False
    predicted: bool = True
    remarks: tuple[str, ...] = ()
