"""What would a proposed version answer to the traffic of now? It answers a sample, beside the live one."""

from monitoring.shadowing.report import shadow_json
from monitoring.shadowing.run import Shadowing

__all__ = ["Shadowing", "shadow_json"]
