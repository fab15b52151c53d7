"""From a trained ONNX file to what runs fastest here, and the proof that it still sees the same."""
