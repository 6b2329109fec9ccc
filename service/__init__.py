"""The front door: HTTP, command line, metrics."""
