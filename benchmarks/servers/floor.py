"""What is the least a Python server could cost? A bare ASGI function: parse, decide, encode, nothing else."""

from typing import Any

from benchmarks.servers.bundle import model
from monitoring.recording.recorder import Recorder
from monitoring.recording.reservoir import Reservoir
from service.reply import reply
from service.schema import checked_texts, decode_predict, encode
from service.swap import Current

MODEL = model()
CURRENT = Current(
    MODEL, Recorder(MODEL.key, MODEL.classes, (), Reservoir(MODEL.classes, sources=(), batch_size=20))
)
READY = b"ready"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer every POST as a predict request, and everything else as a health check."""
    if scope["type"] != "http":
        return
    body, content_type = READY, b"text/plain"
    if scope["method"] == "POST":
        message = await receive()
        items = decode_predict(message["body"]).items
        decisions = MODEL.decide(checked_texts(items))
        body = encode(reply(CURRENT, items, decisions, with_probabilities=False))
        content_type = b"application/json"
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
