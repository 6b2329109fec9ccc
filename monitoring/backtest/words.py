"""What does a backtest say: the verdict, each alarm, and what could have been noticed, in sentences."""

from collections.abc import Sequence
from typing import Final

from monitoring.backtest.outcome import Backtest, LogAlarm, Noticeable, Scan
from monitoring.detection.finding import ClassShift, Finding
from monitoring.durations import in_words
from monitoring.meaning.wording import moment, number_of, printable, share
from monitoring.scanning.streams import CLASSES

MOST_NAMED: Final = 3
_SKIPPED: Final = ("row before the baseline was", "rows before the baseline were")


def verdict(found: Backtest) -> str:
    """Return the whole in one sentence."""
    rows = sum(scan.scanned_rows for scan in found.scans)
    sources = "" if len(found.scans) == 1 else f" of {len(found.scans)} sources"
    return f"{alarms(found.alarms)} in {number_of(rows, 'row')}{sources}"


def alarms(number: int) -> str:
    """Return how many alarms there are."""
    return number_of(number, "alarm") if number else "no alarm"


def alarm_sentence(alarm: LogAlarm) -> str:
    """Return what moved, since when, when it was noticed, and whether it is over."""
    over = "still so at the end of the log" if alarm.ended_at is None else f"over by {moment(alarm.ended_at)}"
    return (
        f"{finding_sentence(alarm.finding)}, since {moment(alarm.finding.since_time)}; "
        f"noticed {moment(alarm.raised_at)}, {number_of(alarm.finding.since_items, 'row')} later; {over}"
    )


def finding_sentence(finding: Finding) -> str:
    """Return what moved and by how much.

    Of classes those that the finding names; where scores alone moved, the cut that says it best.
    """
    classes = [each for each in finding.classes if each.stream == CLASSES]
    if classes:
        named = [_moved(each) for each in classes[:MOST_NAMED]]
        others = len(classes) - MOST_NAMED
        more = f" and {number_of(others, 'other class')} moved" if others > 0 else ""
        return ", ".join(named) + more
    if finding.classes:
        first = finding.classes[0]
        return f"{first.stream} moved: {_moved(first)}"
    return "the mix as a whole moved, no class by more than the tolerance"


def _moved(shift: ClassShift) -> str:
    verb = "rose" if shift.direction == "rise" else "fell"
    before, now = share(shift.reference), share(shift.current)
    return f"{printable(shift.name)} {verb} from {before} to {now} ({share(shift.low)}-{share(shift.high)})"


def scan_sentences(scan: Scan) -> list[str]:
    """Return what was compared with what, how seldom an alarm is false, and what could have been noticed."""
    strongest = max(scan.statistics.tolist(), default=0.0)
    said = [
        f"baseline: {scan.baseline_rows:,} rows from {moment(scan.baseline_start)} to "
        f"{moment(scan.baseline_end)}; then {scan.scanned_rows:,} rows to {moment(scan.end)}, "
        f"in buckets of {in_words(scan.bucket_seconds)}",
        f"at most one false alarm in {in_words(scan.false_alarm_seconds)} of such traffic on average; "
        f"strongest evidence {strongest:.1f}, threshold {scan.threshold:.1f}",
    ]
    if scan.seasonal and scan.season_seconds:
        said.append(f"the baseline has a cycle of {in_words(scan.season_seconds)}, which is allowed for")
    if scan.dispersed:
        said.append("the baseline varies more than independent rows would, which is allowed for")
    if scan.skipped_rows:
        said.append(f"{number_of(scan.skipped_rows, *_SKIPPED)} not looked at")
    if scan.reading:
        said.append(scan.reading)
    return [*said, *_noticeable(scan.noticeable)]


def _noticeable(classes: Sequence[Noticeable]) -> list[str]:
    """Return which doubled class would have been noticed last, and which never."""
    rare = [each for each in classes if each.reference < 0.5]
    seen = [(each.rows, each) for each in rare if each.rows is not None]
    never = [each.name for each in rare if each.rows is None]
    said = []
    if seen:
        rows, slowest = max(seen, key=lambda each: each[0])
        others = ", of other classes sooner" if len(seen) > 1 else ""
        twice = f"twice the share of {printable(slowest.name)} ({share(slowest.reference)})"
        said.append(f"{twice} would be noticed after about {rows:,} rows{others}")
    if never:
        more = f" and {len(never) - 5} more" if len(never) > 5 else ""
        said.append(f"not noticeable even when doubled: {', '.join(map(printable, never[:5]))}{more}")
    return said
