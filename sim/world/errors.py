"""What the caller does next, in the class.

WorldError    nothing can be drawn here, or not through this lens: show the one line and stop (exit code 2)
"""


class WorldError(Exception):
    """No renderer, no figure, or a lens that is not a pinhole; the text is one line for a person."""
