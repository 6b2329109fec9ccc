"""What a backtest says in sentences."""

from dataclasses import replace

import pytest

from monitoring.backtest.outcome import LogAlarm, Scan
from monitoring.backtest.words import alarm_sentence, finding_sentence, scan_sentences, verdict
from monitoring.detection.finding import Finding
from tests.support.backtests import ALARM, NOON, SCAN, SHARES, finding, found, shift


@pytest.mark.parametrize(
    ("scans", "words"),
    [
        ((SCAN,), "no alarm in 70,000 rows"),
        ((replace(SCAN, alarms=(ALARM,)),), "1 alarm in 70,000 rows"),
        ((replace(SCAN, alarms=(ALARM, ALARM)), SCAN), "2 alarms in 140,000 rows of 2 sources"),
    ],
    ids=["none", "one", "sources"],
)
def test_the_verdict_is_a_number_of_alarms_in_so_many_rows(scans: tuple[Scan, ...], words: str):
    """Of what came after the baseline."""
    assert verdict(found(*scans)) == words


def test_an_alarm_says_what_since_when_and_until_when():
    """With both shares and the interval of the new one."""
    said = alarm_sentence(ALARM)
    assert said == (
        "fraud rose from 1.0 % to 2.9 % (2.3 %-3.5 %), since 2024-05-01 12:00; noticed 2024-05-01 13:00, "
        "640 rows later; still so at the end of the log"
    )
    over = LogAlarm(NOON, 1, finding(shift(current=0.004)), SHARES, ended_at=NOON + 7_200)
    assert alarm_sentence(over).startswith("fraud fell from 1.0 % to 0.40 %")
    assert alarm_sentence(over).endswith("over by 2024-05-01 14:00")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            finding(*(shift(f"c{i}") for i in range(5))),
            "c2 rose from 1.0 % to 2.9 % (2.3 %-3.5 %) and 2 other classes moved",
        ),
        (
            finding(shift("score <= 0.62", stream="scores"), stream="scores"),
            "scores moved: score <= 0.62 rose from 1.0 %",
        ),
        (finding(), "the mix as a whole moved, no class by more than the tolerance"),
    ],
    ids=["many", "scores", "the whole mix"],
)
def test_what_moved_is_named_briefly(said: Finding, words: str):
    """Three classes, else the score that says it best, else the mix as a whole."""
    assert words in finding_sentence(said)


def test_silence_comes_with_what_would_have_been_noticed():
    """The class that takes longest, and those that never would be."""
    lines = scan_sentences(SCAN)
    assert lines[1] == (
        "at most one false alarm in 90 days of such traffic on average; "
        "strongest evidence 7.2, threshold 16.0"
    )
    assert lines[2:] == [
        "twice the share of fraud (1.0 %) would be noticed after about 2,508 rows, of other classes sooner",
        "not noticeable even when doubled: rare",
    ]


def test_what_the_test_allows_for_is_said():
    """A cycle, bursts, rows that were not looked at, a baseline that is too short."""
    odd = replace(SCAN, seasonal=True, dispersed=True, skipped_rows=1_000, reading="provide a full cycle")
    assert scan_sentences(odd)[2:6] == [
        "the baseline has a cycle of 24 hours, which is allowed for",
        "the baseline varies more than independent rows would, which is allowed for",
        "1,000 rows before the baseline were not looked at",
        "provide a full cycle",
    ]
