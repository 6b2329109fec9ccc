"""What can end the demo early."""


class DemoError(Exception):
    """The demo could not run, or one of its checks failed."""
