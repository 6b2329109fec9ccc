"""Made-up labelled texts that a linear model can half learn, for tests that fit a real one."""

from collections.abc import Mapping

import numpy as np

from model_store.rows import Rows

_SHARED = (
    "please",
    "can",
    "you",
    "tell",
    "me",
    "about",
    "the",
    "new",
    "one",
    "today",
    "why",
    "is",
    "not",
    "now",
)
_OWN = {
    "billing": ("invoice", "refund", "charge", "payment", "receipt", "credit", "statement", "fee"),
    "delivery": ("parcel", "courier", "address", "late", "tracking", "van", "doorstep", "shipped"),
    "login": ("password", "username", "locked", "reset", "token", "account", "signin", "forgot"),
}


def synthetic_rows(counts: Mapping[str, int], *, seed: int = 0, clarity: float = 0.35) -> Rows:
    """Return shuffled rows, `counts[c]` of class c in {billing, delivery, login}.

    A word is one of the class's own with probability `clarity`, else a common one, else another class's.
    """
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for name, n in counts.items():
        others = [word for other, words in _OWN.items() if other != name for word in words]
        for _ in range(n):
            kinds = rng.choice(3, size=int(rng.integers(6, 13)), p=[clarity, 0.9 - clarity, 0.1])
            words = [str(rng.choice((_OWN[name], _SHARED, others)[kind])) for kind in kinds]
            texts.append(" ".join([*words, f"n{rng.integers(10**9)}"]))
            labels.append(name)
    order = rng.permutation(len(texts))
    return Rows(
        texts=tuple(texts[i] for i in order),
        labels=tuple(labels[i] for i in order),
        ids=tuple(f"row-{i}" for i in range(len(texts))),
    )
