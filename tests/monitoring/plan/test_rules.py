"""Keywords are whole words, patterns are anywhere, and a bad rule is named by class, kind and number."""

from pathlib import Path

import pytest

from monitoring.errors import PlanRefused
from monitoring.plan.rules import LONGEST, read_rules

GOOD = """
fraud: {keywords: [stolen card, scam], patterns: ['charged? (twice|2x)']}
abuse: {patterns: [idiot]}
"""


def rules_file(tmp_path: Path, content: str) -> Path:
    """Return the path of a file of rules."""
    path = tmp_path / "rules.yaml"
    path.write_text(content)
    return path


def test_hits_count_the_rules_that_match(tmp_path: Path) -> None:
    """Case and the amount of white space do not count, nor does a keyword inside another word."""
    rules = read_rules(rules_file(tmp_path, GOOD))
    texts = ["A Stolen   CARD, and charged twice", "scammers", "you idiots: a scam", "hello"]
    found = rules.score(texts)
    assert rules.classes == ("fraud", "abuse")
    assert found.scores.tolist() == [[2, 0], [0, 0], [1, 1], [0, 0]]


def test_each_rule_says_how_many_texts_it_matches(tmp_path: Path) -> None:
    """By where it stands; rules are reported one by one while they run."""
    rules = read_rules(rules_file(tmp_path, GOOD), ["fraud"])
    told: list[tuple[str, int, int]] = []
    found = rules.score(["a scam", "scam, charged twice"], lambda *said: told.append(said))
    assert found.matches == {
        "keywords 1 of class 'fraud': stolen card": 0,
        "keywords 2 of class 'fraud': scam": 2,
        "patterns 1 of class 'fraud': charged? (twice|2x)": 1,
    }
    assert told == [("rules", 1, 3), ("rules", 2, 3), ("rules", 3, 3)]


def test_a_rule_that_backtracks_for_ever_is_named(tmp_path: Path) -> None:
    """With what to write instead; the others are not to blame."""
    path = rules_file(tmp_path, "fraud: {keywords: [scam], patterns: [fine, '(a+)+$']}")
    with pytest.raises(PlanRefused) as refused:
        read_rules(path).score(["scam", "a" * 60 + "b"], patience_seconds=0.1)
    assert str(refused.value).startswith(f"{path}: patterns 2 of class 'fraud' took")
    assert "for 1 of 2 texts; repeats within repeats" in str(refused.value)


def test_only_the_beginning_of_a_text_is_looked_at(tmp_path: Path) -> None:
    """The first 2,000 characters."""
    rules = read_rules(rules_file(tmp_path, GOOD), ["abuse"])
    texts = [" " * (LONGEST - 5) + "idiot", " " * (LONGEST - 4) + "idiot"]
    assert rules.score(texts).scores.tolist() == [[1], [0]]


def test_the_digest_is_of_the_rules_that_are_used(tmp_path: Path) -> None:
    """Spelling the file otherwise changes nothing; another rule does."""
    one = read_rules(rules_file(tmp_path, GOOD), ["fraud"]).sha256
    other = GOOD.replace("abuse: {patterns: [idiot]}", "# a remark")
    assert read_rules(rules_file(tmp_path, other), ["fraud"]).sha256 == one
    assert read_rules(rules_file(tmp_path, GOOD.replace("scam", "scams")), ["fraud"]).sha256 != one


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("fraud: {patterns: ['ok', '(']}", "patterns 2 of class 'fraud' is no regular expression"),
        ("fraud: {patterns: ['a*']}", "patterns 1 of class 'fraud' matches an empty text"),
        ("fraud: {words: [a]}", "class 'fraud' has the key 'words'; allowed are keywords, patterns"),
        ("fraud: {keywords: scam}", "keywords of class 'fraud': expected a list"),
        ("fraud: {keywords: [12]}", "keywords 1 of class 'fraud' is 12; expected a text"),
        ("fraud: {keywords: [a\n b: [", "line 2: is not YAML"),
        ("fraud:", "class 'fraud' has no rules"),
        ("", "holds no classes; expected CLASS:"),
        ("yes: {keywords: [a]}", "class True is not a text; put it in quotes"),
        ("spam: {keywords: [a]}", "no rules of 'fraud'; the classes are spam"),
        ("fraud: !!python/object/apply:os.getcwd []", "is not YAML (could not determine a constructor"),
        (
            "fraud: {keywords: [a]}\nnone_of_these: {keywords: [b]}",
            "class 'none_of_these' has a reserved name (no_class_passes, none_of_these); rename it",
        ),
    ],
    ids=["regex", "all", "key", "list", "number", "yaml", "none", "empty", "bool", "rare", "code", "name"],
)
def test_a_bad_rule_is_one_clear_line(tmp_path: Path, content: str, said: str) -> None:
    """That says where it stands and what is allowed; YAML that would run code is not YAML here."""
    path = rules_file(tmp_path, content)
    with pytest.raises(PlanRefused) as refused:
        read_rules(path, ["fraud"])
    assert str(refused.value).startswith(f"{path}:")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what to check."""
    with pytest.raises(PlanRefused, match=r"none\.yaml: cannot be read"):
        read_rules(tmp_path / "none.yaml")
