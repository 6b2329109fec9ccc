"""How does FastAPI serve the model as its documentation shows it?"""

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.servers.bundle import model
from benchmarks.servers.shapes import Item, Reply, reply

app = FastAPI()
MODEL = model()


class Request(BaseModel):
    """The body."""

    model_config = ConfigDict(extra="forbid")
    items: list[Item] = Field(min_length=1, max_length=256)


@app.post("/predict")
async def predict(request: Request) -> Reply:
    """Decide the items."""
    return reply(request.items, MODEL.decide([item.text for item in request.items]), MODEL.classes)


@app.get("/readyz")
async def ready() -> str:
    """Say that the model is loaded."""
    return "ready"
