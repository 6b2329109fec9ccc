"""Where the public data and schemas are that some tests read; those skip when they are not there."""

import os
from pathlib import Path
from typing import Final

SHARED: Final = Path(os.environ.get("SEAMARK_SHARED", Path(__file__).parents[3] / "shared"))
