"""Tapes: recordings in MCAP, written by import and record, read by replay; sim/recordings is the demo's clips."""
