"""Bundles at the command line: how a list of none, and one of one, reads."""

from collections.abc import Callable
from pathlib import Path

from tests.support.command import Command


def test_without_bundles_the_line_says_what_makes_one(seamark: Command, tmp_path: Path):
    """No header stands over nothing."""
    said = f"no bundles in {tmp_path}: `seamark fit` and `seamark bundle import` make one\n"
    assert seamark("bundle", "list", "--store", tmp_path) == (0, said, "")


def test_one_bundle_is_no_plural(seamark: Command, publish_tiny: Callable[..., Path], model_store_root: Path):
    """Its title counts it."""
    publish_tiny()
    out = seamark("bundle", "list", "--store", model_store_root)[1]
    assert out.startswith("1 bundle in ")
