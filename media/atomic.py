"""Files that appear under their name whole, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import MediaError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to write into; it takes the name `path` when the block ends well.

    What lay at `path` stays until then, and for good if the block raises.

    Yields:
        The temporary file's path. The file is not made yet.

    Raises:
        MediaError: for whatever the system refuses while the block writes.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as fault:
        raise MediaError(
            f"cannot be written ({fault.strerror or fault})",
            where=str(path),
            way_out="Free some space or give another place",
        ) from fault
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """A file beside `path` for what is needed on the way only; gone when the block ends.

    Yields:
        Its path. The file is not made yet.
    """
    between = path.with_name(f".{path.name}.scratch")
    try:
        yield between
    finally:
        with suppress(OSError):
            between.unlink()
