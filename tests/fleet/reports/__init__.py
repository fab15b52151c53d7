"""Tests of fleet/reports."""
