"""What edge, fleet, sim and the console promise each other; no I/O, nothing beyond pydantic and YAML text."""
