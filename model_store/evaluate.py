"""The names by which figures and their card were imported before they had modules of their own."""

from model_store.card import card
from model_store.evaluation import Evaluation, evaluate
from model_store.metrics import average_precision, macro_f1

__all__ = ["Evaluation", "average_precision", "card", "evaluate", "macro_f1"]
