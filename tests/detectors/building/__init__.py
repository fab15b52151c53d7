"""Tests of what builds models."""
