"""Numbers that a command refuses itself, with both ends of what it takes."""

import pytest
import typer

from service.cli.main import app
from service.cli.ranges import change, number, whole
from tests.support.command import Command


@pytest.mark.parametrize("text", ["0", "6", "1.5", "x", "", "nan", "inf", "1_0", "9" * 400, "9" * 5_000])
def test_another_whole_number_is_refused_with_both_ends(text: str):
    """And so is what is no number at all."""
    with pytest.raises(typer.BadParameter) as refused:
        whole(1, 5)["parser"](text)
    assert str(refused.value.message).endswith("is not a whole number from 1 to 5")


def test_the_ends_belong_to_it_where_that_is_said():
    """A default comes as a number."""
    assert [whole(1, 5_000)["parser"](each) for each in ("1", "5000", 20)] == [1, 5_000, 20]
    assert [number(0, 10, with_low=True)["parser"](each) for each in ("0", "10", 0.1)] == [0.0, 10.0, 0.1]
    for text in ("0", "10.1", "nan"):
        with pytest.raises(typer.BadParameter, match="is not a number above 0 and at most 10"):
            number(0, 10)["parser"](text)


@pytest.mark.parametrize("text", ["1", "1.0", "0", "1000.5", "-2", "nan"])
def test_no_change_is_refused(text: str):
    """A share that is planned with moves, and not without end."""
    with pytest.raises(typer.BadParameter, match="above 0 and at most 1,000"):
        change()["parser"](text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("batch make --size 0", "'--size': '0' is not a whole number from 1 to 5,000"),
        ("batch make --explore 100001", "'--explore': '100001' is not a whole number from 1 to 100,000"),
        ("batch lease b --minutes 0", "'--minutes': '0' is not a number above 0 and at most 10,080"),
        ("drift plan --factor 1001", "'--factor': '1001' is not a number above 0 and at most 1,000"),
        ("drift plan --factor 2 --factor 1", "'--factor': '1' is not a change; give a number above 0 and"),
        ("drift backtest x --tolerance 11", "'--tolerance': '11' is not a number from 0 to 10"),
        (
            "fit x --label y --name n --seed 4294967296",
            "'--seed': '4294967296' is not a whole number from",
        ),
        ("fit x --label y --name n --delta 0.6", "'--delta': '0.6' is not a number above 0 and at most 0.5"),
        ("estimates --since -1", "'--since': '-1' is not a whole number from 0 to 100,000,000,000"),
    ],
)
def test_a_command_names_its_option(seamark: Command, line: str, said: str):
    """Before anything is read or sent, in one line."""
    code, _, err = seamark(*line.split())
    assert code == 2
    assert f"invalid value for {said}" in err
    assert err.count("\n") == 1


def test_no_option_is_left_to_the_words_of_typer():
    """Which name one end: every range is declared here."""
    waiting, seen = [typer.main.get_command(app)], 0
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        for each in command.params:
            assert (each.min, each.max) == (None, None), each.name
            seen += 1
    assert seen > 100
