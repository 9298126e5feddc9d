from pathlib import Path

import pytest

from reward_server.errors import ConfigError
from reward_server.settings import load_settings


def test_the_environment_is_read_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARD_SERVER_PORT", "9000")
    monkeypatch.setenv("REWARD_SERVER_CHECK_WORKERS", "3")
    assert (load_settings().port, load_settings().check_workers) == (9000, 3)
    assert load_settings(port=9001, host=None).port == 9001


def test_a_misspelt_variable_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARD_SERVER_PROT", "9000")
    with pytest.raises(ConfigError, match="REWARD_SERVER_PROT"):
        load_settings()


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"host": "0.0.0.0"}, True),
        ({"host": "example.org"}, True),
        ({"host": "0.0.0.0", "insecure": True}, False),
        ({"host": "0.0.0.0", "api_key": "k"}, False),
        ({"host": "127.0.0.1"}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
    ],
)
def test_a_public_address_needs_a_key(given: dict[str, object], refused: bool) -> None:
    settings = load_settings(**given)
    if refused:
        with pytest.raises(ConfigError, match="API_KEY"):
            settings.refuse_open_door()
    else:
        settings.refuse_open_door()


@pytest.mark.parametrize(
    ("name", "value"), [("API_KEY", ""), ("PORT", "abc"), ("PORT", "99999"), ("MAX_PENDING_ITEMS", "32")]
)
def test_a_value_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"REWARD_SERVER_{name}", value)
    with pytest.raises(ConfigError, match=f"REWARD_SERVER_{name}"):
        load_settings()


def test_the_key_is_not_shown() -> None:
    assert "hunter2" not in repr(load_settings(api_key="hunter2"))


def test_a_language_that_is_none_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARD_SERVER_SANDBOX_LANGUAGES", "python,cobol")
    with pytest.raises(ConfigError, match=r"expected names among python, c, .* got cobol"):
        load_settings()


def test_a_folder_too_long_for_sockets_stops_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 80)))
    with pytest.raises(ConfigError, match="TMPDIR is too long"):
        load_settings()
