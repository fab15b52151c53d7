"""What the caller does next, in the class.

DetectorError
    ModelError           the model or its manifest is wrong: stop (exit code 2), the old model keeps running
        BackendMissing   its runtime is not on this machine: install it, or choose another backend
    InferenceError       this frame could not be judged: publish a fault, try the next frame
    DownloadError        the model could not be fetched: say so, offer what there is
    Disagreement         what was built sees less than its model: it is not taken in, the old one keeps running
"""


class DetectorError(Exception):
    """No boxes, and not because the scene is empty."""


class ModelError(DetectorError):
    """Not a model, not this head's model, or not the bytes its manifest promises."""


class BackendMissing(ModelError):
    """What would run the model is not installed, or its device is not there."""


class InferenceError(DetectorError):
    """The runtime refused this frame or answered nonsense."""


class DownloadError(DetectorError):
    """The address did not deliver within its time."""


class Disagreement(DetectorError):
    """What was built ran, and it falls behind its model by more than is allowed."""


def first_line(err: Exception) -> str:
    """What an error of somebody else's says, in one line; its name where it says nothing."""
    return (str(err).strip() or type(err).__name__).splitlines()[0]
