"""Which cell of a table would a spreadsheet run as a formula, and how is it kept from that without losing it?

Spreadsheets evaluate a cell that begins with `=`, `+`, `-`, `@`, a tab, a carriage return or a line feed,
whoever wrote it, and in some languages with one of the first four in full width (OWASP, CSV injection).
`guard` puts an apostrophe before it, `unguard` takes that off again. Text that begins with apostrophes and
then one of those characters is guarded too, or reading back would shorten it.
"""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def guard(cell: str) -> str:
    """Return the cell as a spreadsheet may see it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """Return what `guard` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
