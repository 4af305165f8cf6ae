"""A depth pass in a video file."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from motion.depth._pixels import Numbers, check_size, share


class VideoPass:
    """The frames of a gray video, read forward; going back starts over."""

    def __init__(self, path: Path) -> None:
        """Opens nothing before the first frame is asked for."""
        self.files = (path,)
        self._path = path
        self._frames: Iterator[NDArray[np.float32]] = iter(())
        self._read = 0  # how many frames have been read since the start
        self._latest: NDArray[np.float32] | None = None

    def frame(self, index: int) -> Numbers:
        """The levels of a frame.

        Raises:
            MediaError: if the file is no video or has no such frame.
        """
        if self._read == 0 or index < self._read - 1:
            self._frames, self._read = _levels(self._path), 0
        while self._read <= index:
            self._latest = next(self._frames, None)
            if self._latest is None:
                many, self._read = self._read, 0
                raise MediaError(f"no depth for frame {index}: the video has {many} frames", where=str(self._path))
            self._read += 1
        assert self._latest is not None
        return Numbers(self._latest, is_share=True)


def _levels(path: Path) -> Iterator[NDArray[np.float32]]:
    """Yields every frame, float32, H x W, 0..1, whatever range and depth the video has."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError("no video in it", where=str(path))
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            check_size(stream.width, stream.height, path)
            for frame in container.decode(stream):
                yield share(frame.to_ndarray(format="gray16le"))
    except av.FFmpegError as fault:
        raise MediaError(f"no video that can be read ({fault.strerror})", where=str(path)) from fault
