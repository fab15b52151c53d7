"""Tests of fleet/notify."""
