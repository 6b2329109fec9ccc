"""How an ONNX classifier from elsewhere is read, recognised and checked on labelled rows."""
