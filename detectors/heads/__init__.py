"""Decoders of a network's raw output, one file each."""
