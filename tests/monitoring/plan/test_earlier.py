"""Labels are told apart by what their items were chosen for, as manifests of earlier waves say."""

import json
from pathlib import Path

import pytest

from monitoring.errors import PlanRefused
from monitoring.plan.earlier import Earlier, Tally, check_manifests, read_manifest, tallies
from monitoring.plan.labelled import Labelled


def written(path: Path, content: str) -> Path:
    """Return the path of a file with this content."""
    path.write_text(content)
    return path


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
    seen = {name: tally for name, tally in found.items() if tally.labels}
    assert seen == {"rare": Tally(1, 1), "explore": Tally(1, 1), "spread": Tally(0, 1)}
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
            "has an unknown slice; allowed are rare, spread, novel, uncertain, explore",
        ),
    ],
    ids=["empty", "list", "broken", "kind", "slice"],
)
def test_another_file_is_no_manifest(tmp_path: Path, content: str, said: str) -> None:
    """One line says what was expected."""
    with pytest.raises(PlanRefused, match=said):
        read_manifest(written(tmp_path / "m.json", content))


def test_labels_of_a_wave_without_its_manifest_are_refused() -> None:
    """Also where another wave's is there; labels of one's own need none."""
    wave = Earlier(1, "rules", {"a": ("rare", "fraud")})
    labelled = Labelled(("a", "b", "c"), ("",) * 3, (frozenset[str](),) * 3, by_plan=frozenset("ab"))
    check_manifests(Path("l.csv"), labelled, [wave, Earlier(2, "rules", {"b": ("rare", "fraud")})])
    check_manifests(Path("l.csv"), Labelled(("c",), ("",), (frozenset(),)), [])
    for waves, said in (([wave], "1 of its items was"), ([], "2 of its items were")):
        with pytest.raises(PlanRefused) as refused:
            check_manifests(Path("l.csv"), labelled, waves)
        assert str(refused.value) == (
            f"l.csv: {said} handed out by a plan, and no manifest has them; name the manifest.json of every "
            "wave with --manifest"
        )
