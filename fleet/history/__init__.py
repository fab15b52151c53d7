"""What the map showed, kept by the hour: recorded while it happens, read back for Replay."""
