"""Schema changes, oldest first, applied by `monitoring.store.schema` when the state is opened."""
