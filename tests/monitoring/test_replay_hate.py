"""A real rare class: its rise is found and named, and without a rise there is silence."""

import pytest

from model_store.bundles.bundle import read_seen
from model_store.data.rows import Rows, read_rows
from model_store.model import Model, load_model
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target
from model_store.store import ModelStore
from model_store.training.fit import fit
from monitoring.replay import ReplayResult, replay
from tests.support.shared import SHARED

DATA = SHARED / "data" / "hate_davidson.csv.gz"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_file(), reason=f"{DATA} is not there; set SEAMARK_SHARED"),
]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Return the labelled tweets."""
    return read_rows(DATA, text="text", label="label")


@pytest.fixture(scope="module")
def model(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Return a model whose recall target makes hate a screen that flags nearly half of all traffic."""
    store = ModelStore(tmp_path_factory.mktemp("hate"))
    target = Target("hate", recall=0.85)
    fit(
        rows,
        name="hate",
        store=store,
        claims=Claims((target,)),
        imbalance="balanced",
        seed=0,
        progress=lambda *_: None,
    )
    return load_model(store.path("hate", "1"))


def replayed(model: Model, rows: Rows, seed: int, factor: float) -> ReplayResult:
    """Return the replay of 30,000 items."""
    signatures = read_seen(model.bundle).signatures
    return replay(model, rows, shift=("hate", factor), items=30_000, seed=seed, seen_signatures=signatures)


def test_a_threefold_rise_of_a_rare_class_is_found_and_named(model: Model, rows: Rows) -> None:
    """In at least 9 of 10 streams the alarm comes after the change and blames hate, rising."""
    named = 0
    for seed in range(10):
        alarm = replayed(model, rows, seed, 3.0).to_json()["alarm"]
        if alarm is not None and alarm["item"] > 15_000:
            first = alarm["classes"][0]
            named += (first["class"], first["direction"]) == ("hate", "rise")
    assert named >= 9


def test_an_unchanged_mix_is_silent(model: Model, rows: Rows) -> None:
    """With factor 1 at least 9 of 10 streams raise no alarm."""
    assert sum(replayed(model, rows, seed, 1.0).to_json()["alarm"] is None for seed in range(10)) >= 9
