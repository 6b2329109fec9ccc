"""`python -m service.cli` is the `seamark` command."""

from service.cli.main import run

run()
