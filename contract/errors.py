"""What the caller does next, in the class.

ContractError            a peer sent nonsense: quarantine it and count it
DocumentError            a file a person wrote is wrong: show the one line and stop (exit code 78)
"""


class ContractError(ValueError):
    """A message that is not what the topic table promises."""


class DocumentError(ValueError):
    """A site or configuration file that says what it must not; the text is one line for a person."""
