"""Tests of `model_store.training.table_graph`."""

import numpy as np
import onnxruntime

from model_store.training.table_graph import TableGraph


def _run(content: bytes, **feeds: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(["logits"], feeds)[0]


def test_numbers_are_filled_centred_and_scaled():
    """A missing one is the fill, and told apart where it may be missing."""
    graph = TableGraph(numbers=2, texts=0)
    parts = [
        graph.standardised(np.array([3.0, 5.0]), np.array([1.0, 2.0]), np.array([2.0, 4.0])),
        graph.missing(np.array([1])),
    ]
    graph.affine(graph.joined(parts), np.eye(3), np.zeros(3))
    answer = _run(graph.finished("sigmoid", 3), numbers=np.array([[1.0, np.nan], [np.nan, 10.0]]))
    np.testing.assert_allclose(answer, [[0, 0.75, 1], [1, 2, 0]])


def test_texts_are_one_hot_and_an_unknown_one_is_none():
    """Each column has categories of its own, "" and any script among them."""
    graph = TableGraph(numbers=0, texts=2)
    parts = [graph.one_hot(0, ["", "a", "東京 🙂"]), graph.one_hot(1, ["a"])]
    graph.affine(graph.joined(parts), np.eye(4), np.zeros(4))
    texts = np.array([["a", "a"], ["", "b"], ["東京 🙂", "A"], ["unknown", ""]], dtype=object)
    answer = _run(graph.finished("softmax", 4), texts=texts)
    np.testing.assert_array_equal(answer, [[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])


def test_a_large_number_keeps_its_last_digits():
    """Scaled in float32, seconds since 1970 would be off by up to 64."""
    graph = TableGraph(numbers=1, texts=0)
    graph.affine(graph.standardised(np.zeros(1), np.array([1.7e9]), np.ones(1)), np.eye(1), np.zeros(1))
    answer = _run(graph.finished("sigmoid", 1), numbers=np.array([[1.7e9 + 3], [1.7e9 - 7]]))
    np.testing.assert_array_equal(answer, [[3], [-7]])
