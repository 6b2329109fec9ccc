"""A real rare class and class weights: what calibration mends, and what a temperature alone does not."""

import csv
import gzip
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from model_store.calibrating.calibrators import fit_calibration, fit_method
from model_store.calibrating.reliability import brier, classwise_ece, log_loss
from model_store.data.signatures import groups, minhash
from model_store.data.splits import split
from tests.support.shared import SHARED

DATA = SHARED / "data" / "hate_davidson.csv.gz"
SHARES = (0.5, 0.2, 0.1, 0.2)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_file(), reason=f"{DATA} is not there; set SEAMARK_SHARED"),
]


class Scored(NamedTuple):
    """What a class-weighted model says about rows it has not seen: calibration, then test."""

    rows: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int32]
    test_rows: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]
    classes: list[str]

    def calibrated(self, method: str | None) -> npt.NDArray[np.float32]:
        """Return the test rows' probabilities by one method, or by the one that is chosen."""
        calibration = (
            fit_calibration(self.rows, self.labels, seed=0, classes=self.classes, groups=self.groups)
            if method is None
            else fit_method(method, self.rows, self.labels)
        )
        return calibration.apply(self.test_rows)

    def errors(self, method: str | None) -> npt.NDArray[np.float64]:
        """Return the error of each class on the test rows."""
        return classwise_ece(self.calibrated(method), self.test_labels)


@pytest.fixture(scope="module")
def scored() -> Scored:
    """Return a logistic regression's scores, near-duplicates kept in one part."""
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = np.array([row["text"] for row in rows], dtype=object)
    classes, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    near = groups(minhash(texts.tolist()))
    parts = split(labels, near, seed=0, shares=SHARES)
    features = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True)
    model = LogisticRegression(class_weight="balanced", max_iter=300)
    model.fit(features.fit_transform(texts[parts.train]), labels[parts.train])
    own, test = (
        model.predict_log_proba(features.transform(texts[part])).astype(np.float32)
        for part in (parts.calibration, parts.test)
    )
    return Scored(
        own, labels[parts.calibration], near[parts.calibration], test, labels[parts.test], classes.tolist()
    )


def test_the_chosen_calibration_is_reliable_class_by_class(scored: Scored):
    """Class-wise error is at most .02 on average and for the rare class, from more than five times that."""
    before, after, truth = np.exp(scored.test_rows), scored.calibrated(None), scored.test_labels
    errors = scored.errors(None)
    assert classwise_ece(before, truth).mean() > 0.1
    assert errors.mean() <= 0.02
    assert errors[scored.classes.index("hate")] <= 0.02
    assert errors.max() <= 0.03
    assert log_loss(after, truth) < 0.8 * log_loss(before, truth)
    assert brier(after, truth) < 0.8 * brier(before, truth)


def test_a_temperature_alone_is_not(scored: Scored):
    """What class weights did is a constant of each class, and no scale takes it away."""
    errors = scored.errors("temperature")
    assert errors.mean() > 0.05
    assert errors[scored.classes.index("hate")] > 0.05


@pytest.mark.parametrize("method", ["bcts", "vector", "platt", "beta", "isotonic"])
def test_every_method_with_a_bias_is_far_better(scored: Scored, method: str):
    """Also those that were not chosen."""
    errors = scored.errors(method)
    assert errors.mean() < 0.03
    assert errors[scored.classes.index("hate")] < 0.02
