"""What a file of EDF or BDF says of a signal in it."""

from __future__ import annotations


def signal_header(name: str, rate: int, bits: int = 16) -> dict[str, str | int]:
    """Of a signal in µV, for a writer of pyedflib; 24 bits a sample in BDF."""
    most = 2 ** (bits - 1)
    return {
        "label": name,
        "dimension": "uV",
        "sample_frequency": rate,
        "physical_max": 3200,
        "physical_min": -3200,
        "digital_max": most - 1,
        "digital_min": -most,
        "transducer": "",
        "prefilter": "",
    }
