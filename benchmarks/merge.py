"""Peak memory and time of merging two checkpoints of 2 GB: less than 3 GB.

python -m benchmarks.merge [GB of each]
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from diffusion.models.tensor_stream import Entry, write_safetensors

BUDGET = 3.0  # GB
LARGEST = (49408, 768)  # the largest tensor of SD 1.5: the words of its text encoder


def write_checkpoint(path: Path, gigabytes: float, seed: int) -> None:
    """A checkpoint of float16 noise."""
    count = max(1, round(gigabytes * 1e9 / (2 * LARGEST[0] * LARGEST[1])))
    entries = [Entry(f"model.{n}", LARGEST, torch.float16) for n in range(count)]
    noise = torch.randn(LARGEST, generator=torch.Generator().manual_seed(seed)).half()

    def tensors() -> Iterator[Tensor]:
        for _ in entries:
            yield noise

    write_safetensors(path, entries, tensors(), {})


def measured(gigabytes: float) -> tuple[float, float]:
    """Seconds, and peak resident memory in GB, of the command."""
    with tempfile.TemporaryDirectory() as folder:
        a, b, out = (Path(folder) / f"{name}.safetensors" for name in ("a", "b", "out"))
        write_checkpoint(a, gigabytes, 1)
        write_checkpoint(b, gigabytes, 2)
        start = time.monotonic()
        command = [sys.executable, "render.py", "models", "merge", str(a), str(b), "-o", str(out), "--ratio", "0.4"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, status
        return time.monotonic() - start, usage.ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    seconds, peak = measured(size)
    print(f"two checkpoints of {size:g} GB: {seconds:.1f} s, peak {peak:.2f} GB (budget {BUDGET:g} GB)")
