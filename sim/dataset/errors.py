"""What the caller does next, in the class.

DatasetError    nothing can be written there, or not with these options: show the one line and stop (exit code 2)
"""


class DatasetError(Exception):
    """The text is one line for a person."""
