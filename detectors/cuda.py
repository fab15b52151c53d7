"""CUDA memory and streams by ctypes on libcudart: what the TensorRT backend needs and nothing else.

On a Jetson the processor and the GPU share their DRAM: a buffer is then one piece of pinned memory that both see, and
"copying" is nothing. Memory goes when the last array that looks at it goes.
"""

import ctypes
import weakref
from ctypes import byref, c_int, c_size_t, c_uint, c_void_p
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.errors import BackendMissing, InferenceError

LIBRARIES = ("libcudart.so.12", "libcudart.so.13", "libcudart.so", "/usr/local/cuda/lib64/libcudart.so")

# cudaDeviceAttr, cudaHostAllocMapped, cudaMemcpyKind, cudaStreamNonBlocking of cuda_runtime_api.h
MULTIPROCESSORS, IS_INTEGRATED, CAN_MAP_HOST_MEMORY, CAPABILITY_MAJOR, CAPABILITY_MINOR = 16, 18, 19, 75, 76
MAPPED = 2
TO_DEVICE, TO_HOST = c_int(1), c_int(2)
NON_BLOCKING = 1
PROPERTIES_BYTES = 8192  # cudaDeviceProp is about 1 kB and grows; all we read is its first field, the name
NAME_BYTES = 256


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that the host writes or reads and the device reads or writes.

    host: (n,) uint8, pinned. device_address: where the device sees the same bytes, or its own copy of them.
    """

    host: npt.NDArray[np.uint8]
    device_address: int
    is_shared: bool


def open_cuda(libraries: tuple[str, ...] = LIBRARIES) -> "Cuda":
    """Raises BackendMissing when there is no CUDA runtime, InferenceError when it finds no device."""
    for name in libraries:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return Cuda(library)
    raise BackendMissing(f"backends 'tensorrt': no CUDA runtime here: expected one of {', '.join(libraries)}")


class Cuda:
    """The device that is current on this thread. Every failure is an InferenceError in the driver's own words."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.cudaGetErrorString.restype = ctypes.c_char_p

    def device(self) -> str:
        """What an engine is tied to, as in "Orin (compute 8.7, 8 multiprocessors)"."""
        properties = ctypes.create_string_buffer(PROPERTIES_BYTES)
        index = self._current()
        self._do("cudaGetDeviceProperties", properties, c_int(index))
        name = properties.raw[:NAME_BYTES].split(b"\0", 1)[0].decode("utf-8", "replace")
        major, minor, count = map(self._attribute, (CAPABILITY_MAJOR, CAPABILITY_MINOR, MULTIPROCESSORS))
        return f"{name} (compute {major}.{minor}, {count} multiprocessors)"

    def is_dram_shared(self) -> bool:
        """Whether the device works in the host's memory, as every Jetson does."""
        return bool(self._attribute(IS_INTEGRATED) and self._attribute(CAN_MAP_HOST_MEMORY))

    def buffer(self, size_bytes: int) -> Buffer:
        is_shared = self.is_dram_shared()
        host_address, device_address = c_void_p(), c_void_p()
        self._do("cudaHostAlloc", byref(host_address), c_size_t(size_bytes), c_uint(MAPPED if is_shared else 0))
        assert host_address.value is not None
        memory = (ctypes.c_uint8 * size_bytes).from_address(host_address.value)
        self._when_gone(memory, "cudaFreeHost", host_address)
        if is_shared:
            self._do("cudaHostGetDevicePointer", byref(device_address), host_address, c_uint(0))
        else:
            self._do("cudaMalloc", byref(device_address), c_size_t(size_bytes))
            self._when_gone(memory, "cudaFree", device_address)
        assert device_address.value is not None
        return Buffer(np.frombuffer(memoryview(memory), np.uint8), device_address.value, is_shared)

    def stream(self) -> int:
        """A queue of its own for one user; lives as long as the process."""
        handle = c_void_p()
        self._do("cudaStreamCreateWithFlags", byref(handle), c_uint(NON_BLOCKING))
        assert handle.value is not None
        return handle.value

    def to_device(self, buffer: Buffer, size_bytes: int, stream: int) -> None:
        """Queue the copy of the first bytes."""
        host_address = c_void_p(buffer.host.ctypes.data)
        self._copy(buffer, (c_void_p(buffer.device_address), host_address, c_size_t(size_bytes), TO_DEVICE), stream)

    def to_host(self, buffer: Buffer, size_bytes: int, stream: int) -> None:
        """Queue the copy of the first bytes; they are there after `wait`."""
        host_address = c_void_p(buffer.host.ctypes.data)
        self._copy(buffer, (host_address, c_void_p(buffer.device_address), c_size_t(size_bytes), TO_HOST), stream)

    def wait(self, stream: int) -> None:
        self._do("cudaStreamSynchronize", c_void_p(stream))

    def _copy(self, buffer: Buffer, copied: tuple[object, ...], stream: int) -> None:
        if not buffer.is_shared:
            self._do("cudaMemcpyAsync", *copied, c_void_p(stream))

    def _current(self) -> int:
        index = c_int()
        self._do("cudaGetDevice", byref(index))
        return index.value

    def _attribute(self, attribute: int) -> int:
        value = c_int()
        self._do("cudaDeviceGetAttribute", byref(value), c_int(attribute), c_int(self._current()))
        return value.value

    def _when_gone(self, memory: "ctypes.Array[ctypes.c_uint8]", function: str, address: c_void_p) -> None:
        weakref.finalize(memory, self._library[function], address).atexit = False  # the driver ends before Python does

    def _do(self, function: str, *arguments: object) -> None:
        code = self._library[function](*arguments)
        if code:
            words = self._library.cudaGetErrorString(c_int(code)) or b"unknown"
            raise InferenceError(f"{function}: {words.decode('utf-8', 'replace')} (CUDA error {code})")
