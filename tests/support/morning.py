"""A time of day at which no test crosses midnight, hours or ten-minute epochs by accident."""

MORNING = 1_700_000_000.0 // 86_400 * 86_400 + 9 * 3_600
