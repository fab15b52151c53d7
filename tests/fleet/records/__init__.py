"""Tests of fleet/records."""
