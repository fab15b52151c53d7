"""Labelled pictures of worlds made by chance, for training detectors and for judging them."""
