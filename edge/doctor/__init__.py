"""Tests a device and says what to do."""
