"""Can this installation train? A serving image leaves scikit-learn and onnx out."""

from collections.abc import Iterator
from contextlib import contextmanager

from model_store.errors import TrainingError


class TrainingNotInstalled(TrainingError):
    """A package that only training needs is missing."""

    def __init__(self, package: str, *, what: str = "training") -> None:
        super().__init__(package, what)
        self.package, self.what = package, what

    def __str__(self) -> str:
        return f"{self.what} needs the package {self.package}; install seamark with its extra: seamark[train]"


@contextmanager
def needs_training(what: str = "training") -> Iterator[None]:
    """Import inside what loads scikit-learn, onnx or matplotlib; commands do so only when they run.

    Parameters
    ----------
    what : str
        What cannot be done without them, for the error.

    Raises
    ------
    TrainingNotInstalled
        The `train` extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise TrainingNotInstalled(error.name or "of the extra", what=what) from error
