"""What a fresh interpreter loads: clients must not pay for the server, nor servers for torch."""

import subprocess
import sys

import pytest


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("statement", "kept_out"),
    [
        ("import reward_server.wire", {"fastapi", "starlette", "sympy", "mpmath", "orjson", "httpx", "torch"}),
        ("import trainer_client.reward_client", {"torch", "transformers", "fastapi", "sympy"}),
        ("import trainer_client.__main__", {"torch", "transformers"}),
        ("import sandbox", {"pydantic", "fastapi", "httpx", "orjson"}),
        (
            "import reward_server.code_worker, reward_server.serving",
            {
                "fastapi",
                "starlette",
                "mpmath",
                "httpx",
                "reward_server.checks",
                "reward_server.code",
                "reward_server.math",
            },
        ),
        ("import reward_server.app", {"torch", "transformers", "matplotlib"}),
    ],
)
def test_a_fresh_interpreter_stays_light(statement: str, kept_out: set[str]) -> None:
    loaded = loaded_by(statement)
    assert statement.split()[1].rstrip(",") in loaded
    assert not loaded & kept_out
