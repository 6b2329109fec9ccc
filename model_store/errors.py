"""Name everything that can go wrong with a model before it answers anything.

::

    ModelStoreError
    ├── BundleError
    │   ├── BundleInvalid         a file says something it may not say
    │   ├── BundleCorrupt         a file is not the one its manifest lists
    │   ├── BundleFileMissing     a listed file is not there
    │   └── BundleFormatNewer     written by a later release
    ├── ClassifierUnusable        a graph runs, but not as its front end and classes need
    ├── FeatureInvalid            an item is not one that the model can take
    ├── StoreError
    │   ├── UnknownBundle         no such name or version
    │   ├── StoreNotWritable      the disk or its permissions refuse
    │   ├── StoreInvalid          the pointer or the history cannot be read
    │   ├── NotInForce            the version to leave is not the one in force
    │   └── NothingToRollBack     no version was in force before
    ├── RowsError                 a file of rows cannot be used
    ├── ImportRefused             a model from elsewhere cannot become a bundle
    ├── TargetError               a declared target cannot be understood
    └── TrainingError             a fit cannot be done, or its export is not equal to it
"""

from collections.abc import Sequence
from pathlib import PurePath


class ModelStoreError(Exception):
    """Base of every error of this package."""


class BundleError(ModelStoreError):
    """A bundle is refused; nothing of it was loaded."""


class BundleInvalid(BundleError):
    """A file of a bundle says something the format does not allow."""

    def __init__(self, path: PurePath, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class BundleCorrupt(BundleError):
    """A file of a bundle is not the one its manifest lists; `expected` and `actual` are sizes or digests."""

    def __init__(self, path: PurePath, expected: str, actual: str) -> None:
        super().__init__(path, expected, actual)
        self.path, self.expected, self.actual = path, expected, actual

    def __str__(self) -> str:
        return f"{self.path}: {self.actual} is not the manifest's {self.expected}; import the bundle again"


class BundleFileMissing(BundleError):
    """A file that a bundle must have is not there."""

    def __init__(self, path: PurePath) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: this file of the bundle is missing; import the bundle again"


class BundleFormatNewer(BundleError):
    """A bundle was written by a later release than this one."""

    def __init__(self, path: PurePath, found: int, supported: int) -> None:
        super().__init__(path, found, supported)
        self.path, self.found, self.supported = path, found, supported

    def __str__(self) -> str:
        return (
            f"{self.path}: bundle format {self.found} is newer than {self.supported}, "
            "the latest this release reads; upgrade seamark"
        )


class ClassifierUnusable(ModelStoreError):
    """A graph does not give what its front end and its classes need; the message says what."""


class FeatureInvalid(ModelStoreError):
    """An item is not one that the model can take: which item, which column, and what is allowed.

    `index` counts the items from 0; `column` is None where the fault is not in one of the model's columns.
    Neither the values nor a name that only the item knows is repeated.
    """

    def __init__(self, index: int, column: str | None, reason: str) -> None:
        super().__init__(index, column, reason)
        self.index, self.column, self.reason = index, column, reason

    def __str__(self) -> str:
        where = "" if self.column is None else f", column {self.column!r}"
        return f"item {self.index}{where}: {self.reason}"


class StoreError(ModelStoreError):
    """The store of bundles cannot do what it was asked."""


class UnknownBundle(StoreError):
    """The store has no bundle of this name, or none of this version; `known` are those it has."""

    def __init__(self, name: str, version: str | None = None, *, known: Sequence[str] = ()) -> None:
        super().__init__(name, version)
        self.name, self.version, self.known = name, version, tuple(known)

    def __str__(self) -> str:
        what = repr(self.name) if self.version is None else f"version {self.version!r} of {self.name!r}"
        has = f" ({', '.join(self.known)})" if self.known else ""
        return f"the store has no {what}; `seamark bundle list` shows what it has{has}"


class StoreNotWritable(StoreError):
    """The operating system refused a write to the store."""

    def __init__(self, path: PurePath, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return (
            f"{self.path}: cannot write to the store ({self.reason}); "
            "check --store (SEAMARK_STORE) and its owner"
        )


class StoreInvalid(StoreError):
    """The pointer or the history of a name was changed by something else and cannot be read."""

    def __init__(self, path: PurePath, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}; restore this file from a copy"


class NotInForce(StoreError):
    """Somebody wants to leave a version that is not in force; `current` is the one that is, if any."""

    def __init__(self, version: str, current: str | None) -> None:
        super().__init__(version, current)
        self.version, self.current = version, current

    def __str__(self) -> str:
        return (
            f"version {self.version} is not in force, {self.current or 'none'} is; "
            "nothing was rolled back, `seamark bundle history` tells what happened"
        )


class NothingToRollBack(StoreError):
    """No version was in force before the current one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"no version of {self.name!r} was in force before the current one; promote one by its number"


class RowsError(ModelStoreError):
    """A file of rows cannot be used; subclasses and messages name the rows."""


class ImportRefused(ModelStoreError):
    """A model from elsewhere cannot become a bundle; messages say what to declare or to change."""


class TargetError(ModelStoreError):
    """A declared recall or precision target cannot be understood."""


class TrainingError(ModelStoreError):
    """A fit cannot be done with these rows, or the exported graph is not equal to what was fitted."""
