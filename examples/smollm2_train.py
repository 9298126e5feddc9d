"""GRPO on a real pretrained model in one command: gets SmolLM2-135M, starts a reward server, trains, stops it.

pip install gguf
python examples/smollm2_train.py
python examples/smollm2_train.py --rl.steps 10 --rl.prompts 8 --rl.group 8 --evaluation.problems 128   # one CPU core

Takes the GPU where torch finds one. Options go to the trainer. docs/real-model.md says what came of it where.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from demo import ROOT, reward_server
from smollm2 import ConversionFailed, convert

CONFIG = ROOT / "configs" / "smollm2-arithmetic.toml"
MODEL = ROOT / "models" / "smollm2-135m"


def main() -> int:
    if not MODEL.exists():
        try:
            convert(None, MODEL)
        except ConversionFailed as error:
            print(f"smollm2: {error}", file=sys.stderr)
            return 1
    run = Path("runs") / time.strftime("smollm2-%Y%m%d-%H%M%S")
    with reward_server(ROOT / "runs" / "smollm2-server.log") as url:
        command = [sys.executable, "-m", "trainer_client", "train", str(CONFIG), "--model.path", str(MODEL)]
        options = ["--reward.url", url, "--run.dir", str(run), *sys.argv[1:]]
        return subprocess.run([*command, *options], cwd=ROOT).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
