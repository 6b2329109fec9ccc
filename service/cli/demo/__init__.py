"""The demo: the whole loop on real processes."""

from service.cli.demo.command import demo
from service.cli.demo.errors import DemoError

__all__ = ["DemoError", "demo"]
