"""Tests of what the benchmarks import from beside themselves, which is no package of medkg."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
