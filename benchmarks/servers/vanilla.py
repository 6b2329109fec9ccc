"""How does BentoML serve the model as its documentation shows it?"""

import bentoml

from benchmarks.servers.bundle import model
from benchmarks.servers.shapes import Item, Reply, reply


@bentoml.service(workers=1, http={"host": "127.0.0.1"})
class Vanilla:
    """The documented way: typed arguments, a typed result, everything else by default."""

    def __init__(self) -> None:
        self.model = model()

    @bentoml.api
    async def predict(self, items: list[Item]) -> Reply:
        """Decide the items."""
        decisions = self.model.decide([item.text for item in items])
        return reply(items, decisions, self.model.classes)
