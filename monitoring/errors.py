"""What can go wrong in monitoring, and what does the reader do next?

The tree::

    MonitoringError
    ├── StateUnavailable      the state's database cannot be opened, read or written now
    │   └── StateNewer        it was written by a newer Seamark
    ├── UnknownModel          no traffic of this model was ever counted
    ├── UnknownAlarm          no such alarm
    ├── UnknownBatch          no such batch
    ├── UnknownLease          the batch gave out no such lease
    ├── LeaseOver             a lease expired or was released
    ├── IdempotencyKeyReused  a key came again with another request
    ├── BatchClosed           nothing more is handed out of a batch
    ├── UnknownProposal       no such proposal
    ├── ProposalRefused       a version cannot be proposed, or a proposal not decided so, now
    ├── BatchRefused          no batch can be made now: budget, open batches, nothing to label
    ├── BaselineRefused       the baseline cannot be frozen now
    ├── PlanRefused           a labeling plan cannot be made of these files or numbers
    ├── NoOpenAlarm           there is no alarm to end
    ├── ExpectationRefused    a planned change cannot be expected as it was told
    └── LabelsInvalid         a body of labels cannot be read at all
"""

from collections.abc import Sequence


class MonitoringError(Exception):
    """Base of every error this package raises on purpose."""


class StateUnavailable(MonitoringError):
    """The database of the monitoring state cannot be used now."""

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(location, reason)
        self.location, self.reason = location, reason

    def __str__(self) -> str:
        return f"{self.location}: monitoring state is not available: {self.reason}"


class StateNewer(StateUnavailable):
    """The database's schema is one this version of Seamark does not know."""

    def __init__(self, location: str, found: str, supported: str) -> None:
        super().__init__(location, f"schema {found} is newer than {supported}; upgrade seamark")
        self.found, self.supported = found, supported


class UnknownModel(MonitoringError):
    """No traffic of this model was ever counted here."""

    def __init__(self, model_key: str, known: Sequence[str] = ()) -> None:
        super().__init__(model_key, tuple(known))
        self.model_key, self.known = model_key, tuple(known)

    def __str__(self) -> str:
        known = ", ".join(self.known) or "none yet"
        return f"model {self.model_key!r} has no counted traffic; models with traffic: {known}"


class UnknownAlarm(MonitoringError):
    """No alarm has this id."""

    def __init__(self, alarm_id: str) -> None:
        super().__init__(alarm_id)
        self.alarm_id = alarm_id

    def __str__(self) -> str:
        return f"alarm {self.alarm_id!r} does not exist; list them under /v1/drift/history"


class UnknownBatch(MonitoringError):
    """No batch has this id."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id

    def __str__(self) -> str:
        return f"batch {self.batch_id!r} does not exist; list them with `seamark batch list`"


class UnknownLease(MonitoringError):
    """The batch gave out no lease of this id."""

    def __init__(self, lease_id: str) -> None:
        super().__init__(lease_id)
        self.lease_id = lease_id

    def __str__(self) -> str:
        return f"lease {self.lease_id!r} is none of this batch; ask for one with `seamark batch lease`"


class LeaseOver(MonitoringError):
    """A lease is asked for again after its end."""

    def __init__(self, lease_id: str, *, ended: str) -> None:
        super().__init__(lease_id)
        self.lease_id, self.ended = lease_id, ended

    def __str__(self) -> str:
        return (
            f"lease {self.lease_id!r} {self.ended}; labels made under it still count, "
            "for further items ask with another Idempotency-Key"
        )


class IdempotencyKeyReused(MonitoringError):
    """A key comes again with another request than it made something for; `differs` says in what."""

    def __init__(self, made: str, *differs: str) -> None:
        super().__init__(made, *differs)
        self.made, self.differs = made, differs

    def __str__(self) -> str:
        return (
            f"Idempotency-Key: it stands for another request already, which made {self.made} and differs in "
            f"{', '.join(self.differs)}; repeat that one as it was, or send another key"
        )


class BatchClosed(MonitoringError):
    """A batch is closed, so nothing more of it is handed out."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id

    def __str__(self) -> str:
        return f"batch {self.batch_id!r} is closed; its labels still count, lease items of an open one"


class UnknownProposal(MonitoringError):
    """No proposal has this id."""

    def __init__(self, proposal_id: str) -> None:
        super().__init__(proposal_id)
        self.proposal_id = proposal_id

    def __str__(self) -> str:
        return f"proposal {self.proposal_id!r} does not exist; list them with `seamark proposal list`"


class ProposalRefused(MonitoringError):
    """A version cannot be proposed now, or a proposal not be decided so."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class BatchRefused(MonitoringError):
    """No labeling batch can be made now; `code` is the stable name of the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return f"no batch made: {self.reason}"


class BaselineRefused(MonitoringError):
    """The baseline cannot be frozen now."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"baseline not frozen: {self.reason}"


class PlanRefused(MonitoringError):
    """No labeling plan can be made of what was given; the message names it and what is allowed."""


class NoOpenAlarm(MonitoringError):
    """An alarm cannot be ended: none is open."""

    def __str__(self) -> str:
        return "no alarm is open; look at the history for earlier ones"


class ExpectationRefused(MonitoringError):
    """A planned change cannot be expected as it was told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class LabelsInvalid(MonitoringError):
    """A body of labels cannot be read at all; `field` is where it goes wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field, self.reason = field, reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"
