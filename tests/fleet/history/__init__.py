"""Recorder, files and reader of what the map showed."""
