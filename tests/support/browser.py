"""A real browser without a window, for tests that look at a page as a person would."""

import html
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

CHROMIUM: Final = next(
    filter(
        None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    ),
    None,
)


def asked(page: Path, question: str, *, width: int, height: int = 844, directory: Path) -> str:
    """Return what `question`, a JavaScript expression, says of a page in a window `width` CSS pixels wide.

    The page runs in a frame, since a window has a least width; `page` and `view` are its document and window.
    The answer is JSON.
    """
    frame = directory / "frame.html"
    source = html.escape(page.read_text(encoding="utf-8"), quote=True)
    frame.write_text(
        f'<!DOCTYPE html><iframe id="f" style="width:{width}px;height:{height}px;border:0" srcdoc="{source}">'
        "</iframe><pre id='answer'></pre><script>"
        "const f = document.getElementById('f'); f.onload = () => {"
        "const page = f.contentDocument, view = f.contentWindow;"
        f"document.getElementById('answer').textContent = JSON.stringify({question});"
        "}</script>",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={directory / 'profile'}", "--virtual-time-budget=10000", "--dump-dom"),
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return html.unescape(re.findall(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)[0])
