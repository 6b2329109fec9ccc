"""Which paths does the service answer besides /predict?"""

from starlette.routing import BaseRoute

from service.lane import Seat


def routes(seat: Seat) -> list[BaseRoute]:
    """Return every route of the service's own application."""
    return []
