"""From components to a reward, by hand-worked numbers."""

import pytest
from pydantic import ValidationError

from reward_server.combination import combined
from reward_server.wire import Combine, Component, ScoreRequest, Status


def components(**values: tuple[float | None, float]) -> dict[str, Component]:
    return {
        name: Component(value=value, weight=weight, status=Status.SKIPPED if value is None else Status.OK)
        for name, (value, weight) in values.items()
    }


@pytest.mark.parametrize(
    ("combine", "reward"),
    [
        (Combine(), 1.0 - 0.05 + 0.08),
        (Combine(mode="product"), 1.0 * -0.05 * 0.08),
        (Combine(mode="gated", gate="math"), 1.03),
        (Combine(mode="gated", gate="language", threshold=0.9), 0.08),
        (Combine(mode="gated", gate="language", threshold=0.8), 1.03),
        (Combine(offset=-1.0), 0.03),
        (Combine(clip=(-1.0, 1.0)), 1.0),
        (Combine(offset=0.5, clip=(-1.0, 1.0)), 1.0),
        (Combine(mode="product", clip=(0.0, 1.0)), 0.0),
    ],
)
def test_each_mode_combines_as_it_says(combine: Combine, reward: float) -> None:
    judged = components(math=(1.0, 1.0), length=(-0.5, 0.1), language=(0.8, 0.1))
    assert combined(judged, combine) == pytest.approx(reward)


def test_two_punishments_make_no_reward() -> None:
    judged = components(repetition=(-1.0, 1.0), overlong=(-0.5, 1.0))
    assert combined(judged, Combine(mode="product")) == -0.5
    assert combined(judged | components(math=(0.0, 1.0)), Combine(mode="product")) == 0.0


@pytest.mark.parametrize(("mode", "reward"), [("weighted_sum", 2.0), ("product", 2.0)])
def test_a_component_without_a_value_takes_no_part(mode: str, reward: float) -> None:
    assert combined(components(math=(1.0, 2.0), language=(None, 0.1)), Combine(mode=mode)) == reward  # type: ignore[arg-type]


def test_a_wrong_answer_closes_the_gate_for_shaping_but_keeps_its_own_value() -> None:
    judged = components(math=(0.0, 1.0), format=(1.0, 0.2))
    assert combined(judged, Combine(mode="gated", gate="math")) == 0.0


def test_without_the_gates_value_or_without_any_there_is_no_reward() -> None:
    gated = Combine(mode="gated", gate="math")
    assert combined(components(math=(None, 1.0), format=(1.0, 0.2)), gated) is None
    assert combined(components(math=(None, 1.0)), Combine()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "gated"},
        {"gate": "math"},
        {"clip": [1, 0]},
        {"mode": "maximum"},
        {"mode": "gated", "gate": "math", "threshold": float("nan")},
    ],
)
def test_a_combination_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Combine.model_validate(wrong)


def test_a_profile_brings_its_own_combination() -> None:
    with pytest.raises(ValidationError, match="combine"):
        ScoreRequest.model_validate({"profile": "gsm8k", "combine": {}, "items": [{"completion": "4"}]})
