"""What the caller does next, in the class.

TapeError    a file is not what it should be: show the one line and stop (exit code 2)
"""


class TapeError(Exception):
    """One line that names the file, what was expected and what came."""
