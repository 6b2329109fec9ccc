"""How is a picture drawn so that it fits into a page, light or dark, or stands in a file of its own?

A picture is one SVG element: fluid in width, without scripts, styles or files of its own, titled for screen
readers, its ids prefixed so that many fit into one page. Colours are variables of the page. The same input
gives the same bytes. Matplotlib draws, without pyplot and without a setting that stays.
"""

import io
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK: Final = "#010203"
FAINT: Final = "#040506"
FIRST: Final = "#070809"
SECOND: Final = "#0a0b0c"
# What stands for each colour in the page; a page without these variables shows its text colour.
_VARIABLES: Final = {
    INK: "currentColor",
    FAINT: "var(--faint, currentColor)",
    FIRST: "var(--first, currentColor)",
    SECOND: "var(--second, currentColor)",
}
_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "seamark",
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "text.parse_math": False,  # a class may have a dollar in its name
}
WIDTH_INCHES: Final = 4.3
_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_LONGEST: Final = 28
_APART: Final = 0.15  # two lines of text, as a part of the axis
# A file of its own has no page to take its colours from. These are legible on white and on black; a viewer
# that knows the reader's preference takes the page's own.
_ALONE: Final = (
    "<style>svg { color: #737a82; --faint: #a0a7ae; --first: #2b7bba; --second: #cc5a12; "
    "font-family: sans-serif } "
    "@media (prefers-color-scheme: light) { svg { color: #1a1d21; --faint: #adb5bd; --first: #0b5394; "
    "--second: #a33c00 } } "
    "@media (prefers-color-scheme: dark) { svg { color: #e9ecef; --faint: #5c656e; --first: #8fc1f5; "
    "--second: #f5a873 } }</style>"
)


def picture(
    draw: Callable[[Axes], None],
    title: str,
    says: str,
    *,
    key: str,
    height: float = 3.3,
    width: float = WIDTH_INCHES,
) -> str:
    """Return what `draw` draws as an SVG element; height and width in inches.

    Parameters
    ----------
    says : str
        What a reader who does not see the picture should know of it.
    key : str
        Prefix of its ids.
    """
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        written = io.BytesIO()
        figure.savefig(written, format="svg", metadata=_METADATA)
    return _inline(written.getvalue().decode(), title, says, key)


def standalone(svg: str) -> str:
    """Return a picture as a file of its own."""
    opened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    before, end, after = opened.partition("</desc>")
    return f"{before}{end}{_ALONE}{after}\n"


def legend(axes: Axes, columns: int) -> None:
    """Put the legend above the axes, where it hides nothing and takes the width of the whole figure."""
    axes.figure.legend(loc="outside upper left", ncols=columns, handlelength=2.6)


def levels(axes: Axes, named: Iterable[tuple[float, str]]) -> None:
    """Draw a dotted line at each level of an axis from 0 to 1, and name it beyond its end.

    There no curve crosses the name. Of two levels close to each other the lower one's name moves down.
    """
    place = 1.0
    for level, name in sorted(named, reverse=True):
        axes.axhline(level, color=INK, linewidth=1, linestyle=":")
        place = min(place, level)
        axes.text(
            1.015, place, name, ha="left", va="center", size="small", transform=axes.get_yaxis_transform()
        )
        place -= _APART


def note(axes: Axes, y: float, text: str) -> None:
    """Name a level at the right end of its line."""
    axes.text(
        0.995, y + 0.01, text, ha="right", va="bottom", size="small", transform=axes.get_yaxis_transform()
    )


def short(name: str) -> str:
    """Return a name that leaves room for what it names."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _inline(document: str, title: str, says: str, key: str) -> str:
    """Return the svg element of a whole document, ready for a page that has others."""
    size, body = re.findall(r'<svg [^>]*viewBox="([^"]*)"[^>]*>(.*)</svg>', document, re.DOTALL)[0]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>|<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{key}-', body)
    body = re.sub(r'xlink:href="#', f'href="#{key}-', body).replace("url(#", f"url(#{key}-")
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    return (
        f'<svg role="img" aria-labelledby="{key}-title {key}-desc" viewBox="{size}" '
        'style="stroke-linejoin: round; stroke-linecap: butt">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-desc">{escape(says)}</desc>'
        f"{body}</svg>"
    )
