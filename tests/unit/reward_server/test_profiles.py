from pathlib import Path

import pytest

from reward_server.checks.registry import checks
from reward_server.errors import InvalidParams, InvalidRequest, UnknownCheck, UnknownProfile
from reward_server.profiles import Profiles, bind
from reward_server.wire import CheckSpec


def test_every_shipped_profile_loads_and_has_a_hash_of_its_own() -> None:
    library = Profiles.load()
    profiles = [library.get(name) for name in library.names()]
    assert {"gsm8k", "r1-zero-math", "r1-code"} <= {profile.name for profile in profiles}
    assert len({profile.hash for profile in profiles}) == len(profiles)


def test_the_hash_follows_whatever_could_change_a_reward() -> None:
    base = bind([CheckSpec(check="format", weight=0.2)])
    assert base.hash == bind([CheckSpec(check="format", weight=0.2, params={"min_think_chars": 1})]).hash
    others = [
        CheckSpec(check="format", weight=0.3),
        CheckSpec(check="format", weight=0.2, params={"min_think_chars": 2}),
        CheckSpec(check="format", weight=0.2, name="shape"),
        CheckSpec(check="exact", weight=0.2),
    ]
    assert len({base.hash, *(bind([other]).hash for other in others)}) == 5


def test_a_changed_version_of_a_check_changes_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = bind([CheckSpec(check="format")]).hash
    monkeypatch.setattr(type(checks()["format"]), "version", "next")
    assert bind([CheckSpec(check="format")]).hash != before


def test_what_cannot_be_resolved_says_what_there_is() -> None:
    with pytest.raises(UnknownProfile, match="gsm8k"):
        Profiles.load().get("../gsm8k")
    with pytest.raises(UnknownCheck, match="format"):
        bind([CheckSpec(check="nope")])
    with pytest.raises(InvalidParams, match="min_think_chars"):
        bind([CheckSpec(check="format", params={"min_think_chars": -1})])
    with pytest.raises(InvalidRequest, match="`name`"):
        bind([CheckSpec(check="format"), CheckSpec(check="format")])


def test_a_folder_of_profiles_may_hold_locks_of_editors_and_marks_of_byte_order(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b'\xef\xbb\xbfdescription = "d"\n[[checks]]\ncheck = "exact"\n')
    (tmp_path / ".#mine.toml").symlink_to("somebody@host.1234")
    profiles = Profiles.load(tmp_path)
    assert profiles.get("mine").hash == bind([CheckSpec(check="exact")]).hash
    assert ".#mine" not in profiles.names()
