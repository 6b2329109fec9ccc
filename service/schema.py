"""What may a predict request say, and what does the reply look like?

Every limit is declared once, here; the decoder enforces it and the published schema shows it. A text's limit
is in bytes of UTF-8, because bytes are what a request costs; the schema can only name the same number of
characters, which no text under the limit exceeds. The texts among an item's features have that limit
together. The `time` of an item is checked and left alone: buckets go by arrival.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from model_store.graphs.inputs import Features
from service.problems import FieldInvalid
from service.refused import body_invalid

MAX_ITEMS: Final = 256
MAX_TEXT_BYTES: Final = 32 * 1024
MAX_FEATURES: Final = 1024
MAX_FEATURE_NAME_LENGTH: Final = 256
MAX_ID_LENGTH: Final = 128
MAX_SOURCE_LENGTH: Final = 64

Review = Literal["no_class_passes", "ambiguous", "abstained"]


FeatureName = Annotated[str, Meta(min_length=1, max_length=MAX_FEATURE_NAME_LENGTH)]
FeatureText = Annotated[str, Meta(max_length=MAX_TEXT_BYTES)]
FeatureValue = float | int | FeatureText | bool | None
ItemFeatures = Annotated[dict[FeatureName, FeatureValue], Meta(max_length=MAX_FEATURES)]


class Item(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One thing to classify: a text, or the features of a row for a bundle of tables."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_BYTES)] | UnsetType = UNSET
    features: ItemFeatures | UnsetType = UNSET
    id: Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)] | None = None
    source: Annotated[str, Meta(min_length=1, max_length=MAX_SOURCE_LENGTH)] | None = None
    time: Annotated[datetime, Meta(tz=True)] | None = None


class PredictRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /predict."""

    items: Annotated[list[Item], Meta(min_length=1, max_length=MAX_ITEMS)]


class ModelName(Struct, frozen=True):
    """Which bundle answered."""

    name: str
    version: str


class Top(Struct, frozen=True, gc=False):
    """The class with the highest calibrated probability, whether or not it passes its threshold."""

    class_name: str = msgspec.field(name="class")
    probability: float


class Flag(Struct, frozen=True, gc=False):
    """A class whose operating threshold the item passes, and what that threshold can promise."""

    class_name: str = msgspec.field(name="class")
    probability: float
    claim: str


class Prediction(Struct, frozen=True):
    """The answer for one item; `review` says why a person should look, if one should."""

    id: str | None
    label: str | None
    top: Top
    flags: list[Flag]
    review: Review | None
    probabilities: dict[str, float] | UnsetType = UNSET


class LabelsPrediction(Struct, frozen=True):
    """The answer for one item that may have any number of labels, none too: those it passes."""

    id: str | None
    labels: list[str]
    top: Top
    flags: list[Flag]
    review: Review | None
    probabilities: dict[str, float] | UnsetType = UNSET


class PredictReply(Struct, frozen=True):
    """The body of a 200; predictions stand in the order of the items."""

    model: ModelName
    predictions: list[Prediction]


class LabelsReply(Struct, frozen=True):
    """The body of a 200 of a bundle that gives any number of labels."""

    model: ModelName
    predictions: list[LabelsPrediction]


_DECODER: Final = msgspec.json.Decoder(PredictRequest)
encode: Final = msgspec.json.Encoder().encode


def decode_predict(body: bytes) -> PredictRequest:
    """Return the request in `body`.

    Raises
    ------
    NotJson
        The body does not parse, or is not UTF-8.
    FieldInvalid
        A field breaks its limit; the error names the field and the limit, never the content.
    """
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise body_invalid(error, body, PredictRequest) from None


def checked_texts(items: Sequence[Item]) -> list[str]:
    """Return the texts of `items`, for a bundle that takes text.

    Raises
    ------
    FieldInvalid
        An item has no text, has features, or its text exceeds `MAX_TEXT_BYTES` in UTF-8.
    """
    texts: list[str] = []
    for index, item in enumerate(items):
        text = item.text
        if item.features is not UNSET:
            raise FieldInvalid(f"$.items[{index}].features", "the current bundle takes text")
        if text is UNSET:
            raise FieldInvalid(f"$.items[{index}].text", "the current bundle takes text, and it is missing")
        if not text.isascii() and len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
            raise FieldInvalid(f"$.items[{index}].text", f"expected at most {MAX_TEXT_BYTES} bytes of UTF-8")
        texts.append(text)
    return texts


def checked_features(items: Sequence[Item], *, body_bytes: int) -> list[Features]:
    """Return the features of `items`, for a bundle that takes rows of a table.

    Which columns there are, and of which kind, the bundle's front end checks.

    Parameters
    ----------
    body_bytes : int
        Length of the whole request; one shorter than an item may be needs no second look.

    Raises
    ------
    FieldInvalid
        An item has no features, has a text, or its texts together exceed `MAX_TEXT_BYTES` in UTF-8.
    """
    found: list[Features] = []
    for index, item in enumerate(items):
        features = item.features
        if item.text is not UNSET:
            raise FieldInvalid(f"$.items[{index}].text", "the current bundle takes features")
        if features is UNSET:
            raise FieldInvalid(
                f"$.items[{index}].features", "the current bundle takes features, and they are missing"
            )
        if body_bytes > MAX_TEXT_BYTES and _text_bytes(features) > MAX_TEXT_BYTES:
            allowed = f"expected at most {MAX_TEXT_BYTES} bytes of UTF-8 in all its texts together"
            raise FieldInvalid(f"$.items[{index}].features", allowed)
        found.append(features)
    return found


def _text_bytes(features: Features) -> int:
    return sum(len(each.encode("utf-8", "replace")) for each in features.values() if isinstance(each, str))
