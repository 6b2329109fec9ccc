"""Contents: which text stands for an item, so that equal items have equal ones?"""

import json
from collections.abc import Mapping
from typing import TypeAlias

# What an item of a table is: a value, or None for a missing one, by name of the column.
Values: TypeAlias = Mapping[str, float | int | str | bool | None]


def content_of(item: str | Values) -> str:
    """Return a text as it is, and the columns of a table as JSON: names sorted, missing values left out.

    Examples
    --------
    >>> content_of({"channel": "web", "amount": 12.5, "age": None})
    '{"amount": 12.5, "channel": "web"}'
    """
    if isinstance(item, str):
        return item
    present = {name: value for name, value in item.items() if value is not None}
    return json.dumps(present, sort_keys=True, ensure_ascii=False)
