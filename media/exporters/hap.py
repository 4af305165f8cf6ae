"""HAP, HAP Alpha or HAP Q in MOV: what VJ software plays straight from the graphics card."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO, Annotated, Literal

import numpy as np
from pydantic import Field

from core.errors import MediaError, MissingLibrary
from core.image import Image, Rgba, Size, opaque
from media.atomic import replacing
from media.encode import Clip
from media.exporters import Exporter
from media.sound import RATE, write_wav
from media.verify import Witness


@dataclass(frozen=True, slots=True)
class Options:
    """Which of the family."""

    variant: Literal["opaque", "alpha", "q"] = (
        "opaque"  # alpha: with opacity, twice the size; q: opaque, twice the size, smoother gradients
    )
    chunks: Annotated[int, Field(ge=1, le=64)] = 1  # pieces of a frame unpacked at once; up to the cores above HD


def build(options: Options, pool: object) -> Exporter:
    """Writes textures by the FFmpeg program of the package imageio-ffmpeg, and PCM sound."""
    write = _Program(options)
    return Exporter(
        "HAP",
        ".mov",
        write.encode,
        step=Size(4, 4),
        keeps_alpha=write.keeps_alpha,
        keeps_sound=True,
        keeps_text=True,
        refuse=_check_program,
    )


@dataclass(frozen=True, slots=True)
class _Program:
    """FFmpeg outside this process: pictures first, then sound and texts."""

    options: Options

    @property
    def keeps_alpha(self) -> bool:
        """Only HAP Alpha does."""
        return self.options.variant == "alpha"

    def encode(self, clip: Clip, images: Iterator[Image | Rgba]) -> None:
        """Writes all images, whole or not at all."""
        first = next(images, None)
        if first is None:
            raise MediaError("no frame was handed over", where=str(clip.path))
        witness = Witness(self.keeps_alpha and first.shape[2] == 4)
        with (
            replacing(clip.path) as temporary,
            tempfile.TemporaryDirectory(prefix=".hap-", dir=clip.path.parent) as folder,
        ):
            silent = Path(folder) / "pictures.mov"
            count = self._write(silent, clip, witness.seeing(chain([first], images)))
            self._finish(silent, temporary, clip, count)
            witness.compare(temporary, clip.path, clip.size, clip.fps)

    def _write(self, path: Path, clip: Clip, images: Iterator[Image | Rgba]) -> int:
        """Encodes the pictures; how many there were."""
        kind = {"opaque": "hap", "alpha": "hap_alpha", "q": "hap_q"}[self.options.variant]
        raw = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", str(clip.size), "-r", str(clip.fps), "-i", "pipe:0"]
        codec = ["-c:v", "hap", "-format", kind, "-chunks", str(self.options.chunks)]
        count = 0
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen([*_program(), *raw, *codec, str(path)], stdin=subprocess.PIPE, stderr=said)
            assert process.stdin is not None
            try:
                for image in images:
                    count += 1
                    process.stdin.write(np.ascontiguousarray(_rgba(image if self.keeps_alpha else opaque(image))).data)
                process.stdin.close()
            except BrokenPipeError:
                pass  # the program ended early; it has said why
            except BaseException:
                process.kill()
                process.wait()
                raise
            _check_ended(process.wait(), said, clip.path)
        return count

    def _finish(self, silent: Path, path: Path, clip: Clip, count: int) -> None:
        """Adds sound and texts."""
        words, wave = silent.with_name("words.txt"), silent.with_name("sound.wav")
        words.write_text(_ffmetadata(clip.text), encoding="utf-8")
        inputs, maps = ["-i", str(silent), "-f", "ffmetadata", "-i", str(words)], ["-map", "0:v", "-map_metadata", "1"]
        if clip.sound:
            write_wav(wave, clip.sound, round(count * RATE / clip.fps))
            inputs, maps = [*inputs, "-i", str(wave)], [*maps, "-map", "2:a"]
        flags = ["-c", "copy", "-movflags", "+faststart+use_metadata_tags", "-fflags", "+bitexact", "-f", "mov"]
        with tempfile.TemporaryFile() as said:
            ended = subprocess.run([*_program(), *inputs, *maps, *flags, str(path)], stderr=said, check=False)
            _check_ended(ended.returncode, said, clip.path)


def _check_program(size: Size, fps: Fraction) -> None:
    """Whether the program is there."""
    _program()


def _program() -> list[str]:
    """The start of every call of FFmpeg.

    Raises:
        MissingLibrary: without the package that brings it.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError as fault:
        raise MissingLibrary("HAP", "imageio-ffmpeg", "hap") from fault
    return [get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]


def _check_ended(code: int, said: IO[bytes], path: Path) -> None:
    if code:
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
        last = re.sub(r"^(\[[^]]*] ?)+", "", lines[-1]) if lines else f"FFmpeg ended with {code}"  # without addresses
        what = f"cannot be written ({last})"
        raise MediaError(what, where=str(path), way_out="Free some space or give another place")


def _rgba(image: Image | Rgba) -> Rgba:
    if image.shape[2] == 4:
        return image
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def _ffmetadata(text: Mapping[str, str]) -> str:
    """Texts in FFmpeg's own file format, in which some letters are escaped."""
    lines = [f"{_escaped(key)}={_escaped(value)}" for key, value in text.items()]
    return "\n".join([";FFMETADATA1", *lines, ""])


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "=;#\\\n" else letter for letter in text)
