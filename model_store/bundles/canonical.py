"""Say which bytes stand for a JSON value, so that a digest of it means something."""

import json
from typing import Any, Final

_INDENT: Final = 1


def canonical_json(value: Any) -> bytes:
    r"""Return the one UTF-8 encoding of `value`: keys sorted, indented by one space, final newline.

    Raises
    ------
    ValueError
        If `value` holds a NaN or an infinity, which JSON cannot say.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [0.5, "é"]}).decode()
    '{\n "a": [\n  0.5,\n  "é"\n ],\n "b": 1\n}\n'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=_INDENT)
    return text.encode() + b"\n"
