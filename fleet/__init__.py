"""The coordinator: events in, incidents, decisions and commands through one safety gate out."""
