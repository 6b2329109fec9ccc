"""What labelled files hold: rows, labels, features, near-duplicates, and the parts they are dealt into."""
