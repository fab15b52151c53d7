"""The demo's recordings, and the script that makes them; only the script needs the extra `sim`."""
