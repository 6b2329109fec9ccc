"""From which probability on a class is flagged, and what is claimed about it."""
