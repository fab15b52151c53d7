"""Tests of fleet/flight."""
