"""What a process of the service loads, and what it can do without."""

import subprocess
import sys

import pytest

PRINT_LOADED = "import sys, service.app; print(*sorted(sys.modules))"


@pytest.mark.parametrize("package", ["sklearn", "onnx", "alembic", "datasketch", "scipy.sparse", "typer"])
def test_a_worker_does_not_load_what_only_others_use(package: str, loaded: frozenset[str]) -> None:
    """Training, migrating and choosing items for labelers took 45 of a worker's 215 MB."""
    assert package not in loaded


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    """Return the modules that a fresh process has after importing the service."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRINT_LOADED], capture_output=True, text=True, check=True
    )
    return frozenset(done.stdout.split())
