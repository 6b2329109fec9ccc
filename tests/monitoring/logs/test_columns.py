"""Which column is which: named, guessed, or asked for in one line."""

from pathlib import Path

import pytest

from monitoring.logs.columns import LogColumns, choose
from monitoring.logs.problems import LogRefused

PATH = Path("log.csv")


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        (("timestamp", "prediction"), ("timestamp", "prediction", None)),
        (("Created_At", "Predicted Label", "Confidence"), ("Created_At", "Predicted Label", "Confidence")),
        (("@timestamp", "label", "prediction", "score"), ("@timestamp", "prediction", "score")),
        (("date", "ts", "class"), ("ts", "class", None)),
        (("time", "output.label", "label"), ("time", "label", None)),
        (("meta.ts", "output.label", "output.score"), ("meta.ts", "output.label", "output.score")),
    ],
    ids=["plain", "other spelling", "a truth beside a prediction", "two times", "beside", "nested"],
)
def test_columns_are_guessed_by_their_names(found: tuple[str, ...], chosen: tuple[str | None, ...]):
    """Case, blanks and underscores do not matter; what a system said comes before the truth."""
    columns = choose(PATH, found, LogColumns())
    assert (columns.time, columns.label, columns.score) == chosen


def test_a_named_column_is_taken_and_not_guessed_for_another_role():
    """The label's column is no score, even where its name would do."""
    columns = choose(PATH, ("time", "score", "class"), LogColumns(label="score"))
    assert (columns.label, columns.score) == ("score", None)


def test_a_source_is_read_only_when_asked_for():
    """A column of that name is common, and scanning by source is a choice."""
    found = ("time", "label", "channel")
    assert choose(PATH, found, LogColumns()).source is None
    assert choose(PATH, found, LogColumns(), by_source=True).source == "channel"


@pytest.mark.parametrize(
    ("found", "asked", "by_source", "words"),
    [
        (
            ("when", "label"),
            LogColumns(),
            False,
            "no column looks like the time; name it with --time: when, label",
        ),
        (("time", "said"), LogColumns(), False, "like the label; name it with --label"),
        (("time", "label"), LogColumns(), True, "like the source; name it with --source"),
        (
            ("time", "label"),
            LogColumns(label="klass"),
            False,
            "no column 'klass'; the columns are time, label",
        ),
        (("time", "label", "label"), LogColumns(), False, "column 'label' is there 2 times"),
        (tuple(f"c{i}" for i in range(50)), LogColumns(), False, "c29 and 20 more"),
    ],
    ids=["no time", "no label", "no source", "not there", "twice", "many"],
)
def test_what_cannot_be_chosen_is_one_line(
    found: tuple[str, ...], asked: LogColumns, by_source: bool, words: str
):
    """It names the option and the columns that are there."""
    with pytest.raises(LogRefused, match=r"^log\.csv: ") as refused:
        choose(PATH, found, asked, by_source=by_source)
    assert words in str(refused.value)
