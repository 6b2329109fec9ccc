"""What does the committed dashboard ask Prometheus?"""

import json
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parents[2] / "monitoring" / "grafana"
DASHBOARD: Final[dict[str, Any]] = json.loads((HERE / "seamark.json").read_text())
PANELS: Final[list[dict[str, Any]]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ANNOTATIONS: Final[list[dict[str, Any]]] = DASHBOARD["annotations"]["list"]
VARIABLES: Final[list[dict[str, Any]]] = DASHBOARD["templating"]["list"]


def queries(panel: dict[str, Any]) -> list[str]:
    """Return the PromQL of a panel; text has none."""
    return [target["expr"] for target in panel.get("targets", [])]
