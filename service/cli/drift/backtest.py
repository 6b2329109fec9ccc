"""The command that scans a past log, from whatever system it comes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from monitoring.durations import seconds_of
from monitoring.meaning.wording import moment, number_of, printable, share
from service.cli.drift.plotting import needs_plots
from service.cli.output import Json, out, show, stages, table
from service.cli.ranges import number

if TYPE_CHECKING:
    from monitoring.backtest import Backtest, Scan

MOST_SHOWN: Final = 12  # classes in a table
_MOST_SOURCES: Final = 32


def backtest(
    log: Annotated[
        Path, typer.Argument(help="CSV or JSON lines (UTF-8, may be .gz) or Parquet: one row an item.")
    ],
    time: Annotated[
        str | None, typer.Option("--time", help="Column with the time; by default guessed.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Column with the predicted label; by default guessed.")
    ] = None,
    score: Annotated[
        str | None, typer.Option("--score", help="Column with the label's score; by default guessed.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Column with the source, for --by-source; by default guessed."),
    ] = None,
    by_source: Annotated[
        bool, typer.Option("--by-source", help="A detector for each source, at most 32.")
    ] = False,
    dedupe: Annotated[
        str | None, typer.Option("--dedupe", help="Column of ids; an id counts once, retries do not.")
    ] = None,
    no_label: Annotated[
        str | None,
        typer.Option(
            "--no-label", help="Count rows without a label as this class; by default they are left out."
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", help="What is normal: the first 20000 rows, the first 7d, or FROM..TO."),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", help="Length of a bucket, like 10m; by default by the log's rate."),
    ] = None,
    season: Annotated[
        str | None,
        typer.Option("--season", help="Cycle of normal traffic: 1d, 7d, none; by default a day if it fits."),
    ] = None,
    false_alarm: Annotated[
        str | None,
        typer.Option(
            "--false-alarm", help="At most one false alarm in this time; by default 90d, or 20 times the log."
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            help="Changes within this ratio are no drift.",
            **number(0, 10, with_low=True),
        ),
    ] = 0.10,
    watch: Annotated[
        list[str] | None,
        typer.Option(
            "--watch", help="CLASS=WEIGHT: look closer at it; *=WEIGHT for the others. Repeat for more."
        ),
    ] = None,
    out_directory: Annotated[
        Path | None, typer.Option("--out", help="Directory for report.md, the pictures and alarms.json.")
    ] = None,
    json: Json = False,
) -> None:
    """Say when a detector would have raised an alarm on a past log, and which classes moved."""
    from monitoring.backtest import BacktestOptions, count  # noqa: PLC0415 - SciPy loads when needed
    from monitoring.backtest import backtest as scan  # noqa: PLC0415
    from monitoring.logs import Log, LogColumns  # noqa: PLC0415

    options = BacktestOptions(
        bucket_seconds=_duration(bucket, "--bucket"),
        season_seconds=0.0 if season == "none" else _duration(season, "--season"),
        false_alarm_seconds=_duration(false_alarm, "--false-alarm"),
        tolerance=tolerance,
        watch=dict(_weight(each) for each in watch or ()),
        **parse_baseline(baseline),
    )
    columns = LogColumns(time=time, label=label, score=score, source=source, id=dedupe)
    if out_directory is not None:
        with needs_plots("--out"):
            from monitoring.backtest.report import write_report  # noqa: PLC0415
    with stages(quiet=json) as progress:
        opened = Log(log, columns, by_source=by_source or source is not None, no_label=no_label)
        counted = count(opened, bucket_seconds=options.bucket_seconds, progress=progress)
        found = scan(opened, counted, options, progress=progress)
    left_out = opened.problems.sentences(opened.unit)
    if out_directory is not None:
        write_report(found, out_directory, title=log.name, left_out=left_out)
    show(found.to_json(), as_json=json, human=lambda: render(found, left_out))
    if out_directory is not None and not json:
        out.print(f"written: {out_directory / 'report.md'}, with its pictures and alarms.json", markup=False)


def parse_baseline(text: str | None) -> dict[str, Any]:
    """Return the option of `BacktestOptions` that is asked for: rows, a length of time, or two times."""
    if text is None:
        return {}
    if text.isdecimal():
        return {"baseline_items": int(text)}
    if ".." not in text and ":" not in text:
        return {"baseline_seconds": _duration(text, "--baseline")}
    between = next(filter(None, map(_between, _halves(text))), None)
    if between is None or between[0] >= between[1]:
        raise typer.BadParameter(
            f"{text!r} is not FROM..TO, two times such as 2024-05-01 or 2024-05-01T12:00Z, the earlier first",
            param_hint="--baseline",
        )
    return {"baseline_between": between}


def _halves(text: str) -> list[tuple[str, str]]:
    """Return what may be the two times: a colon parts them too, and times have colons of their own."""
    if ".." in text:
        low, _, high = text.partition("..")
        return [(low, high)]
    return [(text[:at], text[at + 1 :]) for at, each in enumerate(text) if each == ":"]


def _between(halves: tuple[str, str]) -> tuple[float, float] | None:
    from monitoring.logs.moments import moments  # noqa: PLC0415

    found = moments(halves)
    if found.refused:
        return None
    low, high = (found.milliseconds / 1e3).tolist()
    return low, high


def _duration(text: str | None, option: str) -> float | None:
    try:
        return None if text is None else seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _weight(text: str) -> tuple[str, float]:
    name, separator, weight = text.rpartition("=")
    try:
        value = float(weight)
    except ValueError:
        value = -1.0
    if not separator or not name or not 0.0 <= value <= 1_000.0:
        raise typer.BadParameter(
            f"{text!r} is not CLASS=WEIGHT with a weight from 0 to 1000", param_hint="--watch"
        )
    return name, value


def render(found: "Backtest", left_out: list[str]) -> Group:
    """Return what a person reads: the verdict, each alarm, the shares, and how the log was read."""
    from monitoring.backtest.words import verdict  # noqa: PLC0415

    said: list[RenderableType] = [Text(verdict(found))]
    for scan in found.scans:
        said += _scan(scan, many=len(found.scans) > 1)
    columns = ", ".join(f"{role} {name!r}" for role, name in found.columns.items())
    small = (
        [f"{number_of(len(found.small), 'source')} with too few rows, or beyond the {_MOST_SOURCES} largest"]
        if found.small
        else []
    )
    said += [Text(f"note: {each}") for each in (f"columns: {columns}", *found.notes, *small, *left_out)]
    return Group(*said)


def _scan(scan: "Scan", *, many: bool) -> list[RenderableType]:
    from monitoring.backtest.words import alarm_sentence, alarms, scan_sentences  # noqa: PLC0415

    title = [Text(f"\n{printable(scan.source or '')}: {alarms(len(scan.alarms))}")] if many else []
    raised = [Text(f"alarm: {alarm_sentence(each)}") for each in scan.alarms]
    shown = [_shares(scan)] if scan.alarms or not many else []
    return [*title, *raised, *shown, *map(Text, scan_sentences(scan))]


def _shares(scan: "Scan") -> RenderableType:
    """Return the shares at the strongest alarm, or after the baseline, those that differ most first."""
    rows = [
        [
            printable(each["class"]),
            share(each["reference"]),
            share(each["current"] or 0.0),
            f"{share(each['low'])} - {share(each['high'])}",
        ]
        for each in scan.telling[:MOST_SHOWN]
    ]
    alarm = scan.strongest
    when = "after the baseline" if alarm is None else f"at the alarm of {moment(alarm.raised_at)}"
    return table("", ["class", "baseline", when, "95 % interval"], rows)
