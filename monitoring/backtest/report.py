"""A backtest as files: a report to read, its pictures, and the alarms for programs."""

import json
from pathlib import Path
from typing import Any, Final

from model_store.reports.drawing import standalone
from model_store.reports.markdown import bullets, cell, table
from monitoring import plots
from monitoring.backtest.outcome import Backtest, LogAlarm, Scan
from monitoring.backtest.words import finding_sentence, scan_sentences, verdict
from monitoring.meaning.wording import moment, number_of, printable, share

ALARMS: Final = "alarms.json"
REPORT: Final = "report.md"
_MOST_ROWS: Final = 30


def write_report(found: Backtest, directory: Path, *, title: str, left_out: list[str]) -> None:
    """Write report.md, alarms.json, and evidence and shares of each scan as SVG.

    Parameters
    ----------
    left_out : list of str
        A sentence for each reason why rows were left out.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ALARMS).write_text(json.dumps(found.to_json(), indent=2) + "\n", encoding="utf-8")
    many = len(found.scans) > 1
    parts = [f"# Drift in {cell(title)}", "", f"{_capital(verdict(found))}.", ""]
    for number, scan in enumerate(found.scans, 1):
        evidence, shares = _draw(scan)
        names = [f"{kind}-{number}.svg" if many else f"{kind}.svg" for kind in ("evidence", "shares")]
        for name, picture in zip(names, (evidence, shares), strict=True):
            (directory / name).write_text(picture, encoding="utf-8")
        parts += _scan(scan, *names, many=many)
    read = [_columns(found), *(f"{_capital(each)}." for each in (*found.notes, *left_out))]
    parts += ["## How the log was read", "", bullets(read), ""]
    (directory / REPORT).write_text("\n".join(parts), encoding="utf-8")


def _draw(scan: Scan) -> tuple[str, str]:
    evidence = plots.evidence(
        scan.times,
        scan.statistics,
        threshold=scan.threshold,
        alarms=[(each.raised_at, each.ended_at) for each in scan.alarms],
        key="evidence",
    )
    shares = plots.shares(scan.telling, moved=scan.moved, key="shares", noun="rows")
    return standalone(evidence), standalone(shares)


def _scan(scan: Scan, evidence: str, shares: str, *, many: bool) -> list[str]:
    alarm = scan.strongest
    when = "after the baseline" if alarm is None else f"from {moment(alarm.finding.since_time)} to the alarm"
    lines = [f"## {cell(printable(scan.source or ''))}", ""] if many else []
    lines += [bullets(f"{_capital(each)}." for each in scan_sentences(scan)), ""]
    lines += [f"![Evidence over time against the threshold]({evidence})", ""]
    if scan.alarms:
        lines += [table(["raised", "since", "ended", "what moved"], map(_row, scan.alarms)), ""]
    lines += [f"Shares {when}, beside the baseline:", "", f"![Shares of the classes]({shares})", ""]
    return [*lines, _shares(scan.telling), ""]


def _row(alarm: LogAlarm) -> tuple[str, ...]:
    ended = "open" if alarm.ended_at is None else moment(alarm.ended_at)
    what = "; ".join(map(finding_sentence, (alarm.finding, *(finding for _, finding in alarm.further))))
    return moment(alarm.raised_at), moment(alarm.finding.since_time), ended, what


def _shares(classes: list[dict[str, Any]]) -> str:
    rows = [
        (
            printable(each["class"]),
            share(each["reference"]),
            "-" if each["current"] is None else share(each["current"]),
            f"{share(each['low'])} to {share(each['high'])}",
        )
        for each in classes[:_MOST_ROWS]
    ]
    less = len(classes) - len(rows)
    others = number_of(less, "class that differs less is", "classes that differ less are")
    more = f"\n\n{others} in {ALARMS}." if less else ""
    return table(["class", "baseline", "share", "95 % interval"], rows) + more


def _columns(found: Backtest) -> str:
    return "Columns: " + ", ".join(f"{role} {name}" for role, name in found.columns.items()) + "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
