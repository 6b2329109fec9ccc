"""Labels are read as they came back, and told apart by what their items were chosen for."""

import json
from pathlib import Path

import pytest

from model_store.errors import RowsError
from monitoring.errors import PlanRefused
from monitoring.plan.earlier import Earlier, Labelled, Tally, read_labelled, read_manifest, tallies
from monitoring.recording.candidate import item_key


def written(path: Path, content: str) -> Path:
    """Return the path of a file with this content."""
    path.write_text(content)
    return path


def test_a_batch_file_comes_back_without_its_guard(tmp_path: Path) -> None:
    """Its own columns count whatever those of the pool are called; an empty label is none."""
    path = written(
        tmp_path / "b.csv", "key,id,source,text,label\n'-1,'-1,app,'=x,fraud\nk,k,app,y,\nj,j,app,z,a|b\n"
    )
    found = read_labelled(path, text="message", label="label", source="channel", id_="nr")
    assert (found.keys, found.texts) == (("-1", "k", "j"), ("=x", "y", "z"))
    assert found.labels == (frozenset({"fraud"}), frozenset(), frozenset({"a", "b"}))
    assert (found.count, found.positives("fraud")) == (2, 1)


def test_any_file_with_the_pool_s_columns_will_do(tmp_path: Path) -> None:
    """Keys are its ids, else of source and text."""
    path = written(tmp_path / "l.csv", "nr,channel,message,what\n7,app,hello,ok\n")
    with_ids = read_labelled(path, text="message", label="what", source="channel", id_="nr")
    without = read_labelled(path, text="message", label="what", source="channel", id_=None)
    assert (with_ids.keys, without.keys) == (("7",), (item_key("app", "hello"),))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("key,text\nk,x\n", "no column 'label'; the columns are key, text"),
        ("key,text,label\nk,x,a\nk,x,b\n", "row 2 repeats the key of an earlier row"),
        ("text,label\n", "a header and no rows"),
    ],
    ids=["column", "twice", "empty"],
)
def test_labels_that_cannot_be_read_are_one_line(tmp_path: Path, content: str, said: str) -> None:
    """With the file's name."""
    with pytest.raises(RowsError, match=said):
        read_labelled(written(tmp_path / "l.csv", content), text="text", label="label", source=None, id_=None)


def test_each_slice_has_a_tally_of_its_own() -> None:
    """Of the rare slice what was chosen for the class; unlabelled items and those of no wave do not count."""
    earlier = Earlier(
        1,
        "rules",
        {
            "a": ("rare", "fraud"),
            "b": ("rare", "abuse"),
            "c": ("explore", None),
            "d": ("spread", None),
            "e": ("rare", "fraud"),
        },
    )
    fraud, none = frozenset({"fraud"}), frozenset[str]()
    labelled = Labelled(tuple("abcdex"), ("",) * 6, (fraud, fraud, fraud, frozenset({"ok"}), none, fraud))
    found = tallies(labelled, [earlier], ["fraud"])
    assert found == {"rare": Tally(1, 1), "explore": Tally(1, 1), "spread": Tally(0, 1)}
    assert tallies(labelled, [earlier], ["fraud", "abuse"])["rare"] == Tally(2, 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "cannot be understood; expected the manifest.json"),
        ("[1]", "cannot be understood"),
        ("{", "cannot be understood"),
        (json.dumps({"kind": "batch"}), "is another kind of file"),
        (
            json.dumps(
                {
                    "kind": "seamark plan",
                    "wave": 1,
                    "chosen_by": "r",
                    "items": {"k": {"slice": "best", "class": None}},
                }
            ),
            "has an unknown slice; allowed are rare, spread, explore",
        ),
    ],
    ids=["empty", "list", "broken", "kind", "slice"],
)
def test_another_file_is_no_manifest(tmp_path: Path, content: str, said: str) -> None:
    """One line says what was expected."""
    with pytest.raises(PlanRefused, match=said):
        read_manifest(written(tmp_path / "m.json", content))
