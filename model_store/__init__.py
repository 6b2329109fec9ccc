"""What a model is, and what it may promise: bundles, the store that keeps them, and the model that decides.

Fitting lives in modules of its own (`model_store.training.fit` and what it imports) and needs the `train`
extra; nothing here does.
"""

from model_store.bundles.bundle import (
    AnyFrontEnd,
    Bundle,
    ModelKey,
    Seen,
    Validation,
    read_bundle,
    read_evaluation,
    read_front_end,
    read_seen,
    read_validation,
    write_bundle,
)
from model_store.bundles.canonical import canonical_json
from model_store.bundles.manifest import FORMAT, Manifest
from model_store.calibrating.calibration import Calibration
from model_store.errors import (
    BundleCorrupt,
    BundleError,
    BundleFileMissing,
    BundleFormatNewer,
    BundleInvalid,
    ClassifierUnusable,
    FeatureInvalid,
    ModelStoreError,
    NothingToRollBack,
    NotInForce,
    RowsError,
    StoreError,
    StoreInvalid,
    StoreNotWritable,
    TargetError,
    TrainingError,
    UnknownBundle,
)
from model_store.graphs.classifier import Classifier
from model_store.graphs.columns import Column, ColumnInputs, GraphInput
from model_store.graphs.inputs import Features, FrontEnd, Input, TextInput
from model_store.graphs.outputs import OutputSpec
from model_store.graphs.text import TextFrontEnd
from model_store.model import Model, load_model
from model_store.policy import DECISIONS, Decisions, Policy
from model_store.promises.thresholds import ClassThreshold, Target, parse_target
from model_store.promotions import Promotion
from model_store.reference import Reference
from model_store.store import ModelStore

__all__ = [
    "DECISIONS",
    "FORMAT",
    "AnyFrontEnd",
    "Bundle",
    "BundleCorrupt",
    "BundleError",
    "BundleFileMissing",
    "BundleFormatNewer",
    "BundleInvalid",
    "Calibration",
    "ClassThreshold",
    "Classifier",
    "ClassifierUnusable",
    "Column",
    "ColumnInputs",
    "Decisions",
    "FeatureInvalid",
    "Features",
    "FrontEnd",
    "GraphInput",
    "Input",
    "Manifest",
    "Model",
    "ModelKey",
    "ModelStore",
    "ModelStoreError",
    "NotInForce",
    "NothingToRollBack",
    "OutputSpec",
    "Policy",
    "Promotion",
    "Reference",
    "RowsError",
    "Seen",
    "StoreError",
    "StoreInvalid",
    "StoreNotWritable",
    "Target",
    "TargetError",
    "TextFrontEnd",
    "TextInput",
    "TrainingError",
    "UnknownBundle",
    "Validation",
    "canonical_json",
    "load_model",
    "parse_target",
    "read_bundle",
    "read_evaluation",
    "read_front_end",
    "read_seen",
    "read_validation",
    "write_bundle",
]
