"""Tests of fleet/api."""
