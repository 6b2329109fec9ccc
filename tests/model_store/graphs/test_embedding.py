"""A graph of vectors is opened only where it gives finite ones of the declared length."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from model_store.errors import BundleInvalid, ClassifierUnusable
from model_store.graphs.columns import Column, ColumnInputs, GraphInput
from model_store.graphs.embedding import Embedder, EmbeddingSpec
from tests.support.foreign import small_model

COLUMNS = ColumnInputs(
    (Column("u", "float", typical=1.0), Column("v", "float", typical=1.0)),
    (GraphInput("x", ("u", "v"), "tensor(float)"),),
)
FLOAT = TensorProto.FLOAT


def written(directory: Path, *, operator: str = "Identity", width: int | None = 2, kind: int = FLOAT) -> Path:
    """Write a graph that makes `e` of its columns by one operator, as wide and of the type it declares."""
    node = helper.make_node(operator, ["x"], ["e"], **({"to": kind} if operator == "Cast" else {}))
    model = small_model([node], {"x": (FLOAT, [None, width])}, {"e": (kind, [None, width])})
    path = directory / "embedding.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def items(rows: np.ndarray) -> list[dict[str, float]]:
    """Return rows of two numbers as items."""
    return [{"u": float(u), "v": float(v)} for u, v in rows]


def test_vectors_have_length_one_and_the_order_of_the_items(tmp_path: Path) -> None:
    """Also of more items than run at once; nothing has no direction, so 0 stays 0."""
    embedder = Embedder.open(written(tmp_path), COLUMNS, EmbeddingSpec("e", 2))
    rows = np.random.default_rng(0).normal(size=(700, 2)).astype(np.float32)
    rows[3] = 0.0
    expected = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    np.testing.assert_allclose(embedder.vectors(items(rows)), expected, atol=1e-6)
    assert embedder.vectors([]).shape == (0, 2)
    embedder.warm_up()


class Counting:
    """A session that notes how many items each run has."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions, self.sizes = dimensions, list[int]()

    def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Answer ones."""
        assert names == ["e"]
        self.sizes.append(len(feeds["x"]))
        return [np.ones((len(feeds["x"]), self.dimensions), np.float32)]


def test_many_items_run_in_groups() -> None:
    """Memory is that of the result and of one group."""
    session = Counting(3)
    Embedder(COLUMNS, session, EmbeddingSpec("e", 3)).vectors(items(np.ones((2_000, 2))))
    assert sum(session.sizes) == 2_000
    assert max(session.sizes) <= 256


@pytest.mark.parametrize(
    ("made", "spec", "said"),
    [
        ({}, EmbeddingSpec("pooled", 2), "no embedding output 'pooled', only 'e'"),
        (
            {},
            EmbeddingSpec("e", 3),
            r"'e' is tensor\(float\) of shape .*, expected \(rows, 3\)",
        ),
        ({"width": None}, EmbeddingSpec("e", 2), r"expected \(rows, 2\) of tensor\(float\)"),
        ({"operator": "Cast", "kind": TensorProto.INT64}, EmbeddingSpec("e", 2), r"is tensor\(int64\)"),
        ({"operator": "Cast", "kind": TensorProto.DOUBLE}, EmbeddingSpec("e", 2), r"is tensor\(double\)"),
    ],
    ids=["other name", "other length", "free length", "whole numbers", "double"],
)
def test_an_output_that_is_no_embedding_is_refused(
    tmp_path: Path, made: dict[str, object], spec: EmbeddingSpec, said: str
) -> None:
    """With its name, what it is, and what is allowed."""
    with pytest.raises(BundleInvalid, match=said):
        Embedder.open(written(tmp_path, **made), COLUMNS, spec)  # type: ignore[arg-type]


def test_a_graph_of_other_inputs_is_refused(tmp_path: Path) -> None:
    """It must take what the front end feeds, as the graph that answers does."""
    other = ColumnInputs((Column("u", "float"),), (GraphInput("y", ("u",), "tensor(float)"),))
    with pytest.raises(BundleInvalid, match="input 'x' is fed by nothing"):
        Embedder.open(written(tmp_path), other, EmbeddingSpec("e", 2))


def test_vectors_that_are_not_finite_fail_the_first_run(tmp_path: Path) -> None:
    """The logarithm of -3.5, of an unusual item, may fail; that of the typical one may not."""
    fine = Embedder.open(written(tmp_path, operator="Log"), COLUMNS, EmbeddingSpec("e", 2))
    fine.warm_up()
    with pytest.raises(ClassifierUnusable, match="not finite"):
        fine.vectors(items(np.array([[-1.0, 1.0]])))
    below = ColumnInputs(
        tuple(Column(name, "float", typical=-1.0) for name in ("u", "v")),
        (GraphInput("x", ("u", "v"), "tensor(float)"),),
    )
    embedder = Embedder.open(written(tmp_path, operator="Log"), below, EmbeddingSpec("e", 2))
    with pytest.raises(ClassifierUnusable, match=r"embed an item of typical values as output 'e' \(gives"):
        embedder.warm_up()
