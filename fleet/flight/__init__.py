"""Doing it, safely: start reading at gate.py."""
