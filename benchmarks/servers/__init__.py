"""The servers that benchmarks/serving.py compares, one module each, all with the same bundle."""
