"""Churn scores with reasons, in serving: by a model in ONNX, with onnxruntime and numpy alone."""
