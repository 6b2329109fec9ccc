"""How log-probabilities become probabilities that come true as often as they say."""
