"""What does the monitoring state make of a promotion or a rollback, whoever looks first?"""

from collections.abc import Sequence
from typing import Final

from model_store.bundles.bundle import ModelKey
from model_store.promotions import Promotion
from monitoring.advance import ended_by
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.detection.finding import EndedBy
from monitoring.store import DetectorChange, Store
from monitoring.store.detectors import Snapshot

# What workers answered with the old version before they swapped is closed by then.
LEAVING_SECONDS: Final = 60.0

_WHY: Final[dict[EndedBy, str]] = {
    "promotion": "the version proposed against it was promoted",
    "rollback": "its version was rolled back",
    "superseded": "another version was put in force",
}


def follow_promotions(store: Store, history: Sequence[Promotion], *, config: DetectorConfig) -> int:
    """Take in the promotions of a model's history, oldest first, that the state does not know yet.

    Their proposals are decided and the alarms of versions out of force end, each with its detector: see
    `PromotionsTable.follow`. Does nothing the second time, from any process; returns how many were new.
    """

    def retire(snapshot: Snapshot, at: float, by: EndedBy) -> DetectorChange | None:
        detector = Detector.from_json(snapshot, config=config)
        event = detector.retire(at=at, why=_WHY[by], by=by)
        if event is None:
            return None
        return DetectorChange(detector.to_json(), detector.status().to_json(), ended_by(event))

    return store.promotions.follow(history, retire=retire)


def was_proposed(store: Store, model_key: ModelKey) -> bool:
    """Tell whether a version was put in force because it was proposed."""
    name, _, version = model_key.rpartition("@")
    return any(
        each.candidate_version == version
        for each in store.proposals.list(model_name=name, state="promoted", limit=1_000)
    )


def is_leaving(history: Sequence[Promotion], model_key: ModelKey, *, at: float) -> bool:
    """Tell whether another version has just taken the place of this one, which still gets a rest of traffic.

    Examples
    --------
    >>> step = Promotion(2, 1_000.0, "kim", "", "mail", "1", "2")
    >>> is_leaving([step], "mail@1", at=1_010.0), is_leaving([step], "mail@1", at=1_100.0)
    (True, False)
    >>> is_leaving([step], "mail@2", at=1_010.0)
    False
    """
    if not history:
        return False
    last = history[-1]
    return model_key == f"{last.name}@{last.from_version}" and at - last.at < LEAVING_SECONDS
