"""Can this installation train? A serving image leaves scikit-learn and onnx out."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from model_store.errors import TrainingError

if TYPE_CHECKING:
    from model_store.fit import FitResult


class TrainingNotInstalled(TrainingError):
    """A package that only training needs is missing."""

    def __init__(self, package: str) -> None:
        super().__init__(package)
        self.package = package

    def __str__(self) -> str:
        return f"training needs the package {self.package}; install seamark with its extra: seamark[train]"


def load_fit() -> "Callable[..., FitResult]":
    """Return `model_store.fit.fit`, imported only now since it loads scikit-learn.

    Raises
    ------
    TrainingNotInstalled
        The `train` extra is not installed.
    """
    try:
        from model_store.fit import fit  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise TrainingNotInstalled(error.name or "of the extra") from error
    return fit
