"""Candidates for labeling that share as many texts, keys and sources as a test wants."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from monitoring.recording.candidate import Candidate

CLASSES: Final = ("a", "b", "c")
SOURCES: Final = ("chat", "mail")
_SYLLABLES: Final = ("bal", "cor", "dim", "fen", "gur", "hob", "jat", "kel", "lur", "mip")


def candidate(key: str, p: Sequence[float] = (0.5, 0.3, 0.2), **changes: Any) -> Candidate:
    """Return a candidate with those probabilities, in a slot for high probability unless told otherwise."""
    values: dict[str, Any] = {
        "item_id": None,
        "source": "chat",
        "text": f"text of {key}",
        "label": int(np.argmax(p)),
        "decision": 0,
        "at": 0.0,
        "priority": 0.5,
        "kinds": frozenset({"top:a"}),
        **changes,
    }
    return Candidate(key=key, probabilities=np.array(p, np.float32), **values)


def text_of(number: int) -> str:
    """Return a text that is no near-duplicate of that of another number."""
    rng = np.random.default_rng(number)
    return " ".join("".join(rng.choice(_SYLLABLES, 3)) for _ in range(14))


def candidates(n: int, *, n_texts: int, seed: int) -> list[Candidate]:
    """Return n candidates that share so many texts; every third is held as a random draw only."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.6] * len(CLASSES), n)
    found = []
    for i in range(n):
        source = SOURCES[int(rng.integers(len(SOURCES)))]
        draw = f"random:{source}"
        found.append(
            candidate(
                f"k{i}",
                p[i].tolist(),
                source=source,
                text=text_of(int(rng.integers(n_texts))),
                at=float(i),
                priority=float(rng.random()),
                kinds=frozenset({draw} if i % 3 == 0 else {draw, "top:a"}),
            )
        )
    return found
