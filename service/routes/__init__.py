"""Which paths does the service answer besides /predict, and who may use them?

A route that writes or hands out items answers the local host only, unless keys are configured.
"""

from functools import partial

from starlette.routing import BaseRoute

from service.exchange import route
from service.lane import Seat
from service.routes import (
    alarms,
    batches,
    drift,
    erasure,
    estimates,
    handover,
    labels,
    leases,
    models,
    proposals,
    shadows,
)


def routes(seat: Seat) -> list[BaseRoute]:
    """Return every route of the service's own application."""
    operate = partial(route, seat, scopes=("operate",))
    label = partial(route, seat, scopes=("label", "operate"))
    alarm, batch = "/v1/drift/alarms/{alarm}", "/v1/batches/{batch}"
    return [
        operate("GET", "/v1/drift", drift.get_drift, local_only=False, queries=("model",)),
        operate(
            "GET",
            "/v1/drift/history",
            drift.get_history,
            local_only=False,
            queries=("model", "since", "limit"),
        ),
        operate("GET", "/v1/drift/plan", drift.get_plan, local_only=False, queries=("class", "factor")),
        operate("POST", "/v1/drift/baseline", drift.post_baseline, local_only=True, body=drift.Freeze),
        operate(
            "POST",
            "/v1/drift/expect",
            drift.post_expectation,
            local_only=True,
            queries=("model",),
            body=drift.Expect,
        ),
        operate(
            "POST",
            "/v1/drift/expect/end",
            drift.post_expectation_end,
            local_only=True,
            queries=("model",),
            body=drift.ExpectEnd,
        ),
        # Its items are somebody's words, as those of a batch are.
        operate("GET", alarm, alarms.get_alarm, local_only=True),
        operate(
            "POST", f"{alarm}/acknowledge", alarms.post_acknowledge, local_only=True, body=alarms.Acknowledge
        ),
        operate("POST", f"{alarm}/false", alarms.post_false, local_only=True, body=alarms.FalseAlarm),
        operate("POST", "/v1/erase", erasure.post_erase, local_only=True, body=erasure.Erase),
        operate(
            "GET",
            "/v1/estimates",
            estimates.get_estimates,
            local_only=False,
            queries=("model", "batch", "mode", "since"),
        ),
        operate("GET", "/v1/models", models.list_models, local_only=False),
        operate("GET", "/v1/models/history", models.get_model_history, local_only=False, queries=("limit",)),
        operate("POST", "/v1/models/rollback", models.roll_back, local_only=True, body=models.Rollback),
        operate("POST", "/v1/models/{version}/promote", models.promote, local_only=True, body=models.Change),
        operate(
            "GET", "/v1/proposals", proposals.list_proposals, local_only=False, queries=("limit", "state")
        ),
        operate(
            "POST", "/v1/proposals", proposals.post_proposal, local_only=True, body=proposals.NewProposal
        ),
        operate("GET", "/v1/proposals/basis", proposals.get_basis, local_only=False),
        operate("GET", "/v1/proposals/{proposal}", proposals.get_proposal, local_only=False),
        # It shows items, which are somebody's words.
        operate("GET", "/v1/proposals/{proposal}/shadow", shadows.get_shadow, local_only=True),
        operate(
            "POST",
            "/v1/proposals/{proposal}/reject",
            proposals.post_rejection,
            local_only=True,
            body=models.Change,
        ),
        label("GET", "/v1/batches", batches.list_batches, local_only=False, queries=("limit",)),
        label("POST", "/v1/batches", batches.post_batch, local_only=True, body=batches.NewBatch),
        label("POST", f"{batch}/close", batches.post_close, local_only=True, body=batches.Close),
        label("GET", batch, batches.get_batch, local_only=False),
        label(
            "GET",
            f"{batch}/items",
            handover.get_items,
            local_only=True,
            queries=("format",),
            replies=handover.ITEM_TYPES,
        ),
        label("GET", f"{batch}/manifest", handover.get_manifest, local_only=False),
        label(
            "GET",
            f"{batch}/labeling-config",
            handover.get_labeling_config,
            local_only=False,
            queries=("tool",),
            replies=handover.SETTINGS_TYPES,
        ),
        label("POST", f"{batch}/lease", leases.post_lease, local_only=True, body=leases.NewLease),
        label(
            "POST",
            f"{batch}/leases/{{lease}}/release",
            leases.post_release,
            local_only=True,
            body=leases.Release,
        ),
        label(
            "POST",
            f"{batch}/labels",
            labels.post_labels,
            local_only=True,
            accepts=labels.LABEL_TYPES,
            queries=("annotator",),
        ),
        label("GET", f"{batch}/disagreements", labels.get_disagreements, local_only=True),
        label(
            "GET",
            "/v1/labels",
            labels.get_labels,
            local_only=True,
            queries=("format", "model", "batch"),
            replies=labels.FILE_TYPES,
        ),
    ]
