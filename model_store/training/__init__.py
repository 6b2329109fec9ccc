"""How a model is trained, exported and chosen, and how labelled rows become a bundle."""
