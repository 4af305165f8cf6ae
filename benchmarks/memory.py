"""Peak memory of a passthrough render of 100 frames and of 2,000: it must not grow with the number of frames.

python -m benchmarks.memory
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = {
    "name": "memory", "size": [256, 256], "mode": "flat", "generator": "passthrough", "prompts": {"0": "a"},
    "camera": {"zoom": 1.01, "roll": 0.5}, "color": {"match": "none"},
    "export": [{"format": "mp4", "options": {"preset": "ultrafast"}}],
}  # fmt: skip


def peak_megabytes(frames: int) -> float:
    """Peak resident memory of one render."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.json"
        path.write_text(json.dumps(PROJECT | {"frames": frames}), encoding="utf-8")
        command = [sys.executable, "render.py", str(path), "-o", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, status
    return usage.ru_maxrss / 1024


if __name__ == "__main__":
    few, many = peak_megabytes(100), peak_megabytes(2000)
    print(f"100 frames: {few:.0f} MB, 2,000 frames: {many:.0f} MB, ratio {many / few:.3f} (budget 1.10)")
