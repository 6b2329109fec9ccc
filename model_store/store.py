"""Keep every version of every bundle in a directory, and put one of them in force."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from model_store.bundles.bundle import (
    EMBEDDING_FILE,
    MODEL_FILE,
    ModelKey,
    read_bundle,
    read_manifest,
    write_manifest,
)
from model_store.bundles.durable import exclusive, os_errors, sync
from model_store.bundles.manifest import MANIFEST, NAME, NAME_RULE, VERSION
from model_store.errors import BundleInvalid, NothingToRollBack, NotInForce, StoreNotWritable, UnknownBundle
from model_store.graphs.classifier import check_graph
from model_store.model import load_model
from model_store.promotions import (
    Action,
    Promotion,
    in_force,
    in_force_before,
    put_in_force,
    read_history,
    repair_history,
    request_id,
)

_DRAFT_PREFIX: Final = ".draft-"
_PUBLISH_LOCK: Final = ".publish.lock"
_POINTER_LOCK: Final = ".pointer.lock"
_DISK_REFUSED: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class ModelStore:
    """Bundles by name and version.

    ::

        ROOT/NAME/1/ 2/ ...      published bundles; never changed again
        ROOT/NAME/current.json   the promotion in force; replaced atomically; the truth
        ROOT/NAME/history.jsonl  all promotions; added to after the pointer was replaced

    A kill at any instant leaves the old or the new pointer. When it comes before the line of
    history, `history` shows the pointer's promotion all the same, and the next writer adds the line.
    A read changes nothing. Writers exclude each other by a lock on a file, which the operating
    system lets go when a process dies.

    Parameters
    ----------
    root
        Made by the first `publish`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> tuple[str, ...]:
        """Return the names that have a published version, sorted."""
        found = [entry.name for entry in _entries(self.root) if NAME.fullmatch(entry.name)]
        return tuple(sorted(name for name in found if _published(self.root / name)))

    def versions(self, name: str) -> tuple[str, ...]:
        """Return the published versions, oldest first."""
        return tuple(str(version) for version in _published(self._home(name)))

    def path(self, name: str, version: str) -> Path:
        """Return the directory of a published bundle."""
        home = self._home(name)
        if not VERSION.fullmatch(version) or not (home / version).is_dir():
            raise UnknownBundle(name, version, known=self.versions(name))
        return home / version

    def path_of(self, key: ModelKey) -> Path:
        """Return the directory of the published bundle `name@version`."""
        name, _, version = key.partition("@")
        return self.path(name, version)

    def current(self, name: str) -> str | None:
        """Return the version in force; None before the first promotion."""
        promotion = in_force(self._home(name))
        return promotion.to_version if promotion else None

    def history(self, name: str) -> tuple[Promotion, ...]:
        """Return all promotions, oldest first; the last one is in force."""
        return read_history(self._home(name))

    def publish(self, name: str, build: Callable[[Path], None]) -> Path:
        """Build a bundle in a private directory, verify it, and give it the next version.

        Parameters
        ----------
        build
            Writes a bundle of this `name`, of any version, into the empty directory it is given.

        Raises
        ------
        BundleError
            If what was built cannot be served; nothing is published.
        StoreNotWritable
            If the operating system refuses.
        """
        home = self._future_home(name)
        with os_errors(home):
            home.mkdir(parents=True, exist_ok=True)
        with exclusive(home / _PUBLISH_LOCK), _draft(home) as draft:
            build(draft)
            return _accept(name, draft)

    def check_writable(self, name: str) -> None:
        """Raise what would keep `publish` from beginning; nothing is left behind, not even a directory.

        Raises
        ------
        BundleInvalid
            If `name` is none.
        StoreNotWritable
            If the operating system refuses.
        """
        home = self._future_home(name)
        nearest = next(path for path in (home, *home.absolute().parents) if os.path.lexists(path))
        with os_errors(home), tempfile.TemporaryFile(dir=nearest):
            pass

    def import_bundle(self, source: Path) -> Path:
        """Publish a copy of a bundle from elsewhere under its own name and the next version.

        Raises
        ------
        BundleError
            If it is not whole, or cannot be served; nothing is published.
        """
        manifest = read_bundle(source).manifest

        def copy(draft: Path) -> None:
            for file in (MANIFEST, *manifest.files):
                shutil.copyfile(source / file, draft / file, follow_symlinks=False)
                sync(draft / file)

        return self.publish(manifest.name, copy)

    def promote(self, name: str, version: str, *, who: str, why: str, at: float) -> Promotion:
        """Put a version in force after loading it once; one that is in force already stays so.

        Parameters
        ----------
        at
            Seconds since the epoch.

        Returns
        -------
        Promotion
            The change made, or the earlier one that put this version in force.

        Raises
        ------
        UnknownBundle
            If there is no such version.
        BundleError
            If it cannot be served; the pointer stays.
        """
        self._load(name, version)
        with self._writing(name) as (home, history):
            if history and history[-1].to_version == version:
                return history[-1]
            promotion = _next(history, name, version, who=who, why=why, at=at, action="promote")
            put_in_force(home, promotion)
            return promotion

    def rollback(
        self,
        name: str,
        *,
        who: str,
        why: str,
        at: float,
        leaving: str | None = None,
        idempotency_key: str | None = None,
    ) -> Promotion:
        """Put the version in force that was so before the current one was promoted.

        A second rollback goes one further back, not forth again to the version just left.

        Parameters
        ----------
        at
            Seconds since the epoch.
        leaving
            The version to roll back from: nothing is done while another is in force.
        idempotency_key
            The same key gives the rollback it made the first time, unless that left another version than
            `leaving`.

        Returns
        -------
        Promotion
            The change made, now or by the same request before.

        Raises
        ------
        NotInForce
            If `leaving` is not what is in force.
        NothingToRollBack
            If no version was in force before.
        BundleError
            If the earlier version cannot be served; the pointer stays.
        """
        request = None if idempotency_key is None else request_id(name, idempotency_key)
        with self._writing(name) as (home, history):
            if (done := _done_before(history, request, leaving)) is not None:
                return done
            current = history[-1].to_version if history else None
            if leaving is not None and leaving != current:
                raise NotInForce(leaving, current)
            earlier = in_force_before(history)
            if earlier is None:
                raise NothingToRollBack(name)
            self._load(name, earlier)
            promotion = _next(history, name, earlier, who=who, why=why, at=at, action="rollback")
            promotion = replace(promotion, request=request)
            put_in_force(home, promotion)
            return promotion

    def _future_home(self, name: str) -> Path:
        home = self.root / name
        if not NAME.fullmatch(name):
            raise BundleInvalid(home, f"is not a name: {NAME_RULE}")
        return home

    def _home(self, name: str) -> Path:
        home = self.root / name
        if not NAME.fullmatch(name) or not _published(home):
            raise UnknownBundle(name, known=self.names())
        return home

    def _load(self, name: str, version: str) -> None:
        path = self.path(name, version)
        model = load_model(path)
        if model.key != f"{name}@{version}":
            raise BundleInvalid(path / MANIFEST, f"is of {model.key}, stored as {name}@{version}")

    @contextmanager
    def _writing(self, name: str) -> Iterator[tuple[Path, tuple[Promotion, ...]]]:
        """Hold the lock of the pointer over a history that is complete on disk."""
        home = self._home(name)
        with exclusive(home / _POINTER_LOCK):
            yield home, repair_history(home)


@contextmanager
def _draft(home: Path) -> Iterator[Path]:
    """Give an empty directory that is gone afterwards unless it was renamed."""
    # The lock says nobody is building: what is there was left by a kill.
    for leftover in home.glob(f"{_DRAFT_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with os_errors(home):
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT_PREFIX, dir=home))
    try:
        yield draft
    except OSError as error:
        if error.errno not in _DISK_REFUSED:
            raise
        raise StoreNotWritable(draft, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _accept(name: str, draft: Path) -> Path:
    """Give the bundle in `draft` its number, verify and load it, and rename it into its place."""
    manifest = read_manifest(draft)
    if manifest.name != name:
        raise BundleInvalid(draft / MANIFEST, f"key 'name': {manifest.name!r}, published as {name!r}")
    home = draft.parent
    version = str(max(_published(home), default=0) + 1)
    write_manifest(draft, replace(manifest, version=version))
    check_graph(draft / MODEL_FILE)
    if manifest.embedding is not None:
        check_graph(draft / EMBEDDING_FILE)
    load_model(draft)
    with os_errors(home):
        draft.chmod(0o755)
        draft.rename(home / version)
        sync(home)
    return home / version


def _done_before(
    history: tuple[Promotion, ...], request: str | None, leaving: str | None
) -> Promotion | None:
    """Return the last change that the same request made; None if it is new."""
    if request is None:
        return None
    same = (each for each in reversed(history) if each.request == request)
    return next((each for each in same if leaving in (None, each.from_version)), None)


def _next(
    history: tuple[Promotion, ...], name: str, version: str, *, who: str, why: str, at: float, action: Action
) -> Promotion:
    return Promotion(
        seq=max((past.seq for past in history), default=0) + 1,
        at=at,
        who=who,
        why=why,
        name=name,
        from_version=history[-1].to_version if history else None,
        to_version=version,
        action=action,
    )


def _published(home: Path) -> list[int]:
    return sorted(int(entry.name) for entry in _entries(home) if VERSION.fullmatch(entry.name))


def _entries(directory: Path) -> list[Path]:
    try:
        return [entry for entry in directory.iterdir() if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
