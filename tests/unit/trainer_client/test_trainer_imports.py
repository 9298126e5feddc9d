"""What must stay light: the help and the reward client load neither torch nor transformers."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "numpy", "matplotlib", "tensorboard", "fastapi", "sympy")


@pytest.mark.parametrize(
    "code",
    [
        "import trainer_client.reward_client",
        "import trainer_client.config",
        "from trainer_client.__main__ import main; main(['--help'])",
        "from trainer_client.__main__ import main\ntry: main(['train', '--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    check = f"{code}\nimport sys\nfound = sorted(set(sys.modules) & set({HEAVY!r}))\nassert not found, found"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


def test_reward_client_needs_no_more_than_the_bare_install() -> None:
    """`pip install assay` without extras brings httpx and pydantic."""
    check = "import sys, trainer_client.reward_client\nassert 'pydantic_settings' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], timeout=60, check=True)


def test_help_lists_every_setting() -> None:
    command = [sys.executable, "-m", "trainer_client", "train", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0
    for option in ("--rl.optim.lr", "--model.fresh.hidden", "--reward.max_wait_seconds", "--resume"):
        assert option in done.stdout
