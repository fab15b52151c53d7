"""What the caller does next, in the class.

ScoreError    the file to score by is wrong: show the one line and stop (exit code 2)
"""


class ScoreError(Exception):
    """Not a MOTChallenge file, or nothing in it."""
