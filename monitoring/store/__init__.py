"""The state of monitoring, in a database: what was counted, found, handed out and labelled."""

from monitoring.store.alarm import Act, Alarm, Dated, Ended, EndedBy, alarm_id
from monitoring.store.audit import AuditEntry
from monitoring.store.batches import NewBatch
from monitoring.store.candidates import Population
from monitoring.store.closing import ClosedBucket, Closing, Fenced
from monitoring.store.counts import BucketRow, Claim, ModelRow
from monitoring.store.deliveries import Delivery, Outbox
from monitoring.store.detectors import DetectorChange, DetectorRow
from monitoring.store.erasure import Erased
from monitoring.store.examples import Example
from monitoring.store.lease import Lease, LeaseStatus
from monitoring.store.load import Load
from monitoring.store.opening import Open
from monitoring.store.retention import Pruned
from monitoring.store.state import Store, open_store
from monitoring.store.thinning import Thinning
from monitoring.store.wave_input import Span, WaveInput

__all__ = [
    "Act",
    "Alarm",
    "AuditEntry",
    "BucketRow",
    "Claim",
    "ClosedBucket",
    "Closing",
    "Dated",
    "Delivery",
    "DetectorChange",
    "DetectorRow",
    "Ended",
    "EndedBy",
    "Erased",
    "Example",
    "Fenced",
    "Lease",
    "LeaseStatus",
    "Load",
    "ModelRow",
    "NewBatch",
    "Open",
    "Outbox",
    "Population",
    "Pruned",
    "Span",
    "Store",
    "Thinning",
    "WaveInput",
    "alarm_id",
    "open_store",
]
