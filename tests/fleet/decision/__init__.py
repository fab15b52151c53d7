"""Tests of fleet/decision."""
