"""What a registry exports, by name and labels."""

from prometheus_client import CollectorRegistry


def value(registry: CollectorRegistry, metric: str, /, **labels: str) -> float:
    """Return a sample; it must be there."""
    sample = registry.get_sample_value(f"seamark_{metric}", labels)
    assert sample is not None, metric
    return sample


def series(registry: CollectorRegistry) -> set[str]:
    """Return the names of the exported families."""
    return {metric.name for metric in registry.collect() if metric.samples}
