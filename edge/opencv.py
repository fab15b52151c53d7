"""How OpenCV works in a node: each call on the thread that makes it."""

import cv2


def stay_on_this_thread() -> None:
    """For the whole process. A node has a thread for each feed, and small pictures: OpenCV's own helpers cost half as
    much processor time again as the work they are given, and take it from inference."""
    cv2.setNumThreads(1)
