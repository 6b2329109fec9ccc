"""Is traffic drifting: baselines, alarms, and the states between them."""
