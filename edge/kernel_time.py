"""Does something keep this machine's clock? The kernel's own word, adjtimex(2); reads only, needs no right."""

import ctypes
from dataclasses import dataclass

STA_UNSYNC = 0x40  # linux/timex.h
TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """struct timex of linux/timex.h, 64-bit."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "tv_sec", "tv_usec", "tick")),
        *((name, ctypes.c_long) for name in ("ppsfreq", "jitter")),
        ("shift", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")),
        ("tai", ctypes.c_int),
        ("spare", ctypes.c_int * 11),
    )


@dataclass(frozen=True, slots=True)
class KernelTime:
    """is_kept: a time daemon keeps the clock. error_us: how far off it may be at most, as the daemon believes."""

    is_kept: bool
    error_us: int


def read_kernel_time() -> KernelTime | None:
    """None where the kernel does not say."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    state = _Timex()
    answer = adjtimex(ctypes.byref(state))
    if answer < 0:
        return None
    return KernelTime(answer != TIME_ERROR and not state.status & STA_UNSYNC, state.maxerror)
