"""What would a proposed version answer to the traffic of now?"""

from monitoring.shadowing import shadow_json
from service.exchange import Call


def get_shadow(call: Call) -> object:
    """Return how a proposed version answers beside the live one, by class, with examples."""
    store = call.worker.state.store()
    return shadow_json(store, store.proposals.get(call.path["proposal"]))
