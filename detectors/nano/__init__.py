"""`vedette-nano`: a small detector of our own, from labelled pictures to the ONNX file."""
