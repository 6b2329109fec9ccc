"""A process whose parent was killed does not go on alone."""

import signal

from service.orphan import Orphan


def test_it_ends_once_when_the_parent_changes() -> None:
    """SIGTERM, as from an operator, so that counts are stored; and not again while it shuts down."""
    parents, signals = [7], list[int]()
    orphan = Orphan(parent=lambda: parents[-1], end=signals.append)
    orphan.check()
    assert signals == []
    parents.append(1)
    orphan.check()
    orphan.check()
    assert signals == [signal.SIGTERM]
