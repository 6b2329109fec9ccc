"""What does a drift mean: new priors, whether they explain it, and which promises stand."""
