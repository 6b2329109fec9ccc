"""Why is a body refused? What the decoder raised, without anything that the client sent."""

import re
from typing import Final

import msgspec

from service import allowed
from service.problems import BodyInvalid, FieldInvalid, NotJson

# msgspec says this of a lone surrogate too, when less than another escape follows it.
_TRUNCATED: Final = "Input data was truncated"
_KEY_OF: Final = "key` in `"
_MISSING: Final = re.compile(r"Object missing required field `([a-z_]+)`")
_UNKNOWN: Final = "Object contains unknown field"


def body_invalid(error: Exception, body: bytes, struct: type[msgspec.Struct]) -> BodyInvalid:
    """Say why `body` is not what `struct` declares."""
    if isinstance(error, msgspec.ValidationError):
        return _field_invalid(str(error), struct)
    if isinstance(error, UnicodeDecodeError):
        return NotJson(f"{error.reason} at byte {error.start} of a string")
    if isinstance(error, RecursionError):
        return NotJson("it is nested too deeply")
    if not body.strip():
        return NotJson("it is empty")
    if str(error) == _TRUNCATED:
        return NotJson("it ends too early, or in an escape like \\ud800 without its other half")
    return NotJson(str(error))


def _field_invalid(message: str, struct: type[msgspec.Struct]) -> FieldInvalid:
    """Return the place that a message of the decoder names, with what is declared there."""
    what, _, rest = message.rpartition(" - at `")
    if not what:
        what, rest = message, "$"
    path = rest.removeprefix(_KEY_OF).rstrip("`")
    kind = allowed.place(struct, path)
    if what.startswith(_UNKNOWN):
        # The field's name is the client's, and may imitate the tail of a message.
        if not allowed.names(kind):
            path, kind = "$", allowed.declared(struct)
        return FieldInvalid(path, f"unknown field; allowed are {', '.join(allowed.names(kind)) or 'none'}")
    if missing := _MISSING.match(what):
        path = f"{path}.{missing[1]}"
        return FieldInvalid(path, f"required, expected {_words(allowed.place(struct, path))}")
    if rest.startswith(_KEY_OF) and isinstance(kind, msgspec.inspect.DictType):
        return FieldInvalid(path, f"a name in it: expected {_words(kind.key_type)}")
    return FieldInvalid(path, f"expected {_words(kind)}")


def _words(kind: msgspec.inspect.Type | None) -> str:
    return allowed.words(msgspec.inspect.AnyType() if kind is None else kind)
