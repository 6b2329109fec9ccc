"""Tests of `service.cli.asked`."""

import pytest
import typer

from model_store.data.rows import Rows
from service.cli.asked import column_kinds, item_columns, label_columns, of_a_batch


def test_feature_columns_may_declare_their_kind():
    """A colon and a kind; any other colon is part of the name."""
    listed = "amount, zip:text,ratio a:b"
    assert item_columns(None, listed) == (None, ("amount", "zip", "ratio a:b"))
    assert column_kinds(listed) == {"zip": "text"}
    assert item_columns("body", None) == ("body", ())


@pytest.mark.parametrize(("text", "features"), [(None, None), ("body", "a,b")], ids=["neither", "both"])
def test_items_are_texts_or_tables(text: str | None, features: str | None):
    """A usage error says which options there are."""
    with pytest.raises(typer.BadParameter, match="--features"):
        item_columns(text, features)


def test_one_label_column_is_no_list():
    """Several are indicators, one a label a."""
    assert label_columns(["label"]) == "label"
    assert label_columns(["late", "broken"]) == ("late", "broken")


def test_rows_of_a_batch_lose_their_guards():
    """A negative number is one again, and a text that begins with a sign is as it was sent."""
    table = of_a_batch(Rows(features={"amount": ("'-3.5", "4")}))
    assert table.features == {"amount": ("-3.5", "4")}
    assert of_a_batch(Rows(texts=("'=hello", "it's"))).texts == ("=hello", "it's")
