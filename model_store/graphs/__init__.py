"""What turns an item into log-probabilities: front ends, the ONNX session, and what its output says."""
