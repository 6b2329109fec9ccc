"""What labelled rows say about a model, as figures, sentences, a card and a page."""
