"""Pipelines of others, each a script that runs in an interpreter of its own; edge/peer.py starts them."""
