"""Tests of `model_store.reports.drawing`; what every picture has in common is tested with the plots."""

import pytest
from matplotlib.figure import Figure

from model_store.reports.drawing import levels


@pytest.mark.parametrize(
    ("asked", "places"), [((0.3, 0.8), (0.8, 0.3)), ((0.9, 0.88), (0.9, 0.75)), ((0.5, 0.5), (0.5, 0.35))]
)
def test_levels_are_named_beyond_the_end_of_their_lines(
    asked: tuple[float, float], places: tuple[float, float]
):
    """Nothing that is drawn crosses a name, nor does another name."""
    axes = Figure().subplots()
    levels(axes, zip(asked, ("recall", "precision"), strict=True))
    assert sorted(float(line.get_ydata()[0]) for line in axes.lines) == sorted(asked)  # type: ignore[index, arg-type]
    assert all(text.get_position()[0] > 1 and text.get_ha() == "left" for text in axes.texts)
    assert [text.get_position()[1] for text in axes.texts] == pytest.approx(places)
