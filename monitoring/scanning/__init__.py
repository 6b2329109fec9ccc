"""How much evidence is in counts: windows, tests, and the variance that traffic has by itself."""
