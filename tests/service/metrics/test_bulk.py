"""Many series raised at once hold what they would hold one by one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, values
from prometheus_client.multiprocess import MultiProcessCollector

from service.metrics.bulk import Series

ADVICE = "prometheus_client stores values in another way now; adapt service.metrics.bulk"


@pytest.fixture(params=["memory", "file"])
def exported(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[CollectorRegistry, CollectorRegistry]]:
    """Yield where counters are registered and where they are read, in both modes of prometheus_client."""
    registry = CollectorRegistry()
    if request.param == "memory":
        yield registry, registry
        return
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    in_files = values.MultiProcessValue()
    monkeypatch.setattr(values, "ValueClass", in_files)
    read = CollectorRegistry()
    MultiProcessCollector(read, path=str(tmp_path))
    yield registry, read
    in_files.close_all_files()


def test_together_or_one_by_one_the_series_are_the_same(
    exported: tuple[CollectorRegistry, CollectorRegistry],
) -> None:
    """What is read are the sums, also after the file has grown and beside series raised by themselves."""
    registry, read = exported
    counter = Counter("n", "", ["of"], registry=registry)
    series = Series([counter.labels(f"{k}")._value for k in range(9)])
    series.add(np.arange(9.0))
    for k in range(2_000):
        counter.labels(f"other {k}").inc()
    series.add(np.arange(9.0))
    found = [read.get_sample_value("n_total", {"of": f"{k}"}) for k in range(9)]
    assert found == [2.0 * k for k in range(9)], ADVICE
    assert read.get_sample_value("n_total", {"of": "other 7"}) == 1


def test_a_file_can_be_closed_after_its_series_were_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array that still looks into a mapped file would not let prometheus_client close it."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    in_files = values.MultiProcessValue()
    monkeypatch.setattr(values, "ValueClass", in_files)
    Series([Counter("n", "", registry=CollectorRegistry())._value]).add(np.ones(1))
    in_files.close_all_files()
