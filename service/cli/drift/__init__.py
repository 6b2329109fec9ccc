"""Commands about drift: what a running service sees, would see, and what a past log would have shown."""

import typer

from service.cli.drift.acts import acknowledge, baseline, expect, false
from service.cli.drift.backtest import backtest
from service.cli.drift.history import history
from service.cli.drift.plan import plan
from service.cli.drift.replay import replay
from service.cli.drift.status import status

app = typer.Typer(no_args_is_help=True, help="Drift: a past log, the running service, a replay of a file.")
for command in (backtest, status, history, plan, baseline, expect, acknowledge, false, replay):
    app.command()(command)

__all__ = ["app"]
