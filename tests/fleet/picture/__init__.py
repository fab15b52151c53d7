"""Tests of fleet/picture."""
