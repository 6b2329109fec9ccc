"""Made-up labelled texts and tables that a model can half learn, for tests that fit a real one."""

from collections.abc import Mapping

import numpy as np

from model_store.data.rows import Rows

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


_CHANNELS = {"billing": ("mail", "web"), "delivery": ("phone", "web"), "login": ("app", "web")}
_AMOUNT = {"billing": 4.5, "delivery": 3.5, "login": 2.5}  # mean of the logarithm
_AGE = {"billing": 50.0, "delivery": 40.0, "login": 32.0}


def synthetic_table(counts: Mapping[str, int], *, seed: int = 0, missing: float = 0.1) -> Rows:
    """Return shuffled rows of a table, `counts[c]` of class c in {billing, delivery, login}.

    Columns: `amount`, a number in every row; `age`, a number, and `channel`, a text, each missing in a share
    `missing` of the rows; `returning`, true or false.
    """
    rng = np.random.default_rng(seed)
    cells: list[tuple[str, str, str, str, str]] = []
    for name, n in counts.items():
        for _ in range(n):
            usual = rng.random() < 0.7
            row = (
                f"{rng.lognormal(_AMOUNT[name], 0.8):.2f}",
                "" if rng.random() < missing else f"{rng.normal(_AGE[name], 10.0):.1f}",
                "" if rng.random() < missing else str(rng.choice(_CHANNELS[name])) if usual else "shop",
                "true" if rng.random() < (0.8 if name == "login" else 0.3) else "false",
                name,
            )
            cells.append(row)
    order = rng.permutation(len(cells))
    amount, age, channel, returning, labels = zip(*(cells[i] for i in order), strict=True)
    return Rows(
        labels=labels,
        ids=tuple(f"row-{i}" for i in range(len(cells))),
        features={"amount": amount, "age": age, "channel": channel, "returning": returning},
    )


def synthetic_multilabel(
    n: int, *, shares: Mapping[str, float] | None = None, seed: int = 0, clarity: float = 0.5
) -> Rows:
    """Return n texts that carry each label of {billing, delivery, login} or not, whatever the others.

    `shares` gives the labels and the share of rows that carry each; a row may carry none. A word is one of a
    label that the row carries with probability `clarity`, else a common one.
    """
    rng = np.random.default_rng(seed)
    shares = {"billing": 0.4, "delivery": 0.25, "login": 0.1} if shares is None else shares
    texts, sets = [], []
    for _ in range(n):
        carried = sorted(name for name, share in shares.items() if rng.random() < share)
        own = [word for name in carried for word in _OWN[name]]
        words = [
            str(rng.choice(own if own and rng.random() < clarity else _SHARED))
            for _ in range(int(rng.integers(8, 16)))
        ]
        texts.append(" ".join([*words, f"n{rng.integers(10**9)}"]))
        sets.append(frozenset(carried))
    return Rows(texts=tuple(texts), ids=tuple(f"row-{i}" for i in range(n)), label_sets=tuple(sets))
