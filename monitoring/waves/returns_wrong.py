"""Which rows that came back hold no labels: those of a file beside the items, or of another batch?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from monitoring.handover.record import EXPORT_VERSION
from monitoring.waves.label_row import Fields, RowError


class WrongFile(RowError):
    """A row of a file that is none of labels: the tool's input, an older tool's export, another batch's."""


def wrong_file(posted: Fields, batch: str | None = None) -> WrongFile | None:
    """Return why a row cannot be a label of this batch, by what stands in it; None where nothing says so."""
    for is_one, what in _BESIDE:
        if is_one(posted):
            return WrongFile(f"{what}; send the labelled file, or what the labeling tool exports")
    return _of_another(posted, batch)


def batch_of(posted: object) -> str | None:
    """Return the batch that an object of a posted file names, where it names one."""
    if not isinstance(posted, Mapping):
        return None
    named = (place.get("batch") for place in _places(posted))
    return next((each for each in named if isinstance(each, str) and each), None)


def _places(posted: Fields) -> Sequence[Fields]:
    """Return where a tool may have put what we exported with an item."""
    inside = (posted.get(name) for name in ("data", "metadata", "meta"))
    return [posted, *(place for place in inside if isinstance(place, Mapping))]


def _of_another(posted: Fields, batch: str | None) -> WrongFile | None:
    """Return why a row cannot be for this batch or this version of ours, by what we exported with it."""
    for place in _places(posted):
        version, named = str(place.get("export_version", "")), place.get("batch")
        if version.isdigit() and int(version[:9]) > EXPORT_VERSION:
            return WrongFile(
                f"exported by a newer Seamark (export_version {version[:9]}; this one reads "
                f"{EXPORT_VERSION}); upgrade it, or send rows of key and label"
            )
        if batch is not None and isinstance(named, str) and named not in ("", batch):
            return WrongFile(f"labels of batch {named[:64]!r}, not of {batch!r}; send them there")
    return None


def _is_manifest(posted: Fields) -> bool:
    return isinstance(posted.get("files"), Mapping) and "batch" in posted


def _is_argilla_settings(posted: Fields) -> bool:
    return isinstance(posted.get("questions"), list) and isinstance(posted.get("fields"), list)


def _is_prodigy_settings(posted: Fields) -> bool:
    return "choice_style" in posted and "text" not in posted


def _is_doccano_label(posted: Fields) -> bool:
    """Tell a label type as we write it, and as doccano exports it itself."""
    return {"text", "suffix_key"} <= posted.keys() or {"text", "suffixKey"} <= posted.keys()


# What is written beside the items of a batch.
_BESIDE: Final[Sequence[tuple[Callable[[Fields], bool], str]]] = (
    (_is_manifest, "the manifest of a batch"),
    (_is_argilla_settings, "settings for Argilla"),
    (_is_prodigy_settings, "settings for Prodigy"),
    (_is_doccano_label, "label types for doccano"),
)
