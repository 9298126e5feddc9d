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


JUDGE = {"judge_url": "http://judge:8000", "judge_model": "grader"}


@pytest.mark.parametrize(
    "url", ["http://judge:8000", "http://judge:8000/", "http://judge:8000/v1", "http://judge:8000/v1/"]
)
def test_the_address_of_a_judge_is_its_base(url: str) -> None:
    assert load_settings(judge_url=url, judge_model="grader").judge_url == "http://judge:8000"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"judge_url": "http://judge"}, "JUDGE_MODEL"),
        ({"judge_model": "grader"}, "JUDGE_URL"),
        ({**JUDGE, "judge_url": "judge:8000"}, "JUDGE_URL"),
        ({**JUDGE, "judge_url": "file:///etc/passwd"}, "JUDGE_URL"),
        ({**JUDGE, "judge_url": "http://"}, "JUDGE_URL"),
        ({**JUDGE, "judge_url": "http://[::1"}, "JUDGE_URL"),
        ({**JUDGE, "judge_url": "http://judge:hunter2"}, "JUDGE_URL"),
        ({**JUDGE, "judge_url": "http://me:hunter2@judge"}, "JUDGE_API_KEY"),
        ({**JUDGE, "judge_url": "http://judge?key=hunter2"}, "JUDGE_URL"),
        ({**JUDGE, "judge_api_key": "hunter2\n"}, "JUDGE_API_KEY"),
        ({**JUDGE, "judge_attempts": 0}, "JUDGE_ATTEMPTS"),
        ({**JUDGE, "judge_timeout_seconds": 0}, "JUDGE_TIMEOUT_SECONDS"),
    ],
)
def test_a_judge_that_cannot_be_asked_stops_the_server_and_its_secrets_are_not_told(
    given: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigError, match=f"REWARD_SERVER_{named}") as raised:
        load_settings(**given)
    assert "hunter2" not in raised.value.detail


def test_processes_share_the_questions_that_the_judge_is_asked_at_a_time() -> None:
    assert load_settings(workers=4, judge_concurrency=32).share_of_a_worker().judge_concurrency == 8
