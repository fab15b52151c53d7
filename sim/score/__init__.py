"""How well it went, in numbers."""
