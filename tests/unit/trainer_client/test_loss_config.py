"""The configuration of the losses: what loads, and what is refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trainer_client.command_line import load
from trainer_client.config.loss import (
    CorrectionConfig,
    EntropyConfig,
    KlConfig,
    LossConfig,
    PreferenceConfig,
    ValueConfig,
)

RANGE = {"eps_low": 3e-4, "eps_high": 4e-4}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"dual_clip": 3.0, "objective": "cispo"}, "dual_clip bounds the clipped objective, got objective = cispo"),
        ({"dual_clip": 3.0, "objective": "reinforce"}, "dual_clip bounds the clipped objective"),
        ({"dual_clip": 1.0}, "greater than 1"),
        ({"ratio": "sequence", "objective": "cispo", **RANGE}, "cispo weighs single tokens"),
        ({"ratio": "sequence_token", "objective": "reinforce", **RANGE}, "reinforce weighs single tokens"),
        ({"ratio": "sequence"}, "would never clip: give at most 0.1 (GSPO: 3e-4 and 4e-4)"),
        ({"ratio": "sequence_token", "eps_low": 0.2, "eps_high": 4e-4}, "would never clip"),
        ({"ratio": "sequence", **RANGE, "correction": {"mode": "token_mask"}}, "treats a sequence as one action"),
        ({"ratio": "sequence_token", **RANGE, "correction": {"mode": "token_truncate"}}, "use sequence_truncate"),
        ({"ratio": "sequence", **RANGE, "entropy": {"top_share": 0.2}}, "use sequence_token"),
        ({"eps_low": 1.5}, "less than or equal to 1"),
        ({"eps_high": float("inf")}, "finite"),
        ({"aggregation": "mean"}, "seq_sum"),
        ({"beta": 0.1}, "beta"),
    ],
)
def test_senseless_objectives_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        LossConfig.model_validate(values)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"beta": 0.1, "estimator": "k1", "bias_correction": False}, "zero on average on the policy's own tokens"),
        ({"beta": 0.1, "estimator": "k1", "bias_correction": False}, "Leave kl.bias_correction out"),
        ({"estimator": "k3_plus", "place": "reward"}, "use k1, k2 or k3"),
        ({"beta": 0.1, "place": "reward", "bias_correction": True}, "needs kl.place = loss"),
        ({"beta": 0.1, "estimator": "k2", "bias_correction": True}, "already that of the divergence"),
        ({"beta": 0.1, "estimator": "k3_plus", "bias_correction": True}, "already that of the divergence"),
        ({"beta": 0.1, "target": 0.1}, "set kl.place = reward"),
        ({"place": "reward", "estimator": "k1", "target": 0.1}, "would stay 0"),
        ({"bias_correction": True}, "give a beta above 0"),
        ({"beta": -0.1}, "greater than or equal to 0"),
    ],
)
def test_senseless_divergences_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        KlConfig.model_validate(values)
    assert told in str(raised.value)


def test_every_estimator_has_its_places() -> None:
    places = {(estimator, place) for estimator in ("k1", "k2", "k3") for place in ("loss", "reward")}
    for estimator, place in places | {("k3_plus", "loss")}:
        assert KlConfig.model_validate({"beta": 0.1, "estimator": estimator, "place": place}).place == place


def test_k1_in_the_loss_is_weighed_by_the_ratio_and_the_others_where_it_is_asked_for() -> None:
    assert KlConfig(beta=0.1, estimator="k1").weighed
    assert KlConfig(beta=0.1, estimator="k1", bias_correction=True).weighed
    assert not KlConfig(beta=0.1).weighed
    assert not KlConfig(beta=0.1, estimator="k2").weighed
    assert KlConfig(beta=0.1, bias_correction=True).weighed


def test_other_senseless_sections_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"min_coef..max_coef = 0.0..1.0, got 2.0"):
        EntropyConfig(coef=2.0, target=0.2)
    with pytest.raises(ValidationError, match="drops every token"):
        CorrectionConfig(mode="token_mask", low=1.0, high=1.0)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        CorrectionConfig(mode="token_mask", high=0.9)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        CorrectionConfig(mode="token_mask", low=1.1)
    with pytest.raises(ValidationError, match=r"loss.eps_high is 0.3, but without a ratio .* nothing uses it"):
        LossConfig(objective="reinforce", eps_high=0.3)
    with pytest.raises(ValidationError, match="ipo has no labels to smooth"):
        PreferenceConfig(loss="ipo", label_smoothing=0.1)
    with pytest.raises(ValidationError, match=r"less than 0.5"):
        PreferenceConfig(label_smoothing=0.5)
    with pytest.raises(ValidationError, match="greater than 0"):
        ValueConfig(clip=0.0)


def test_bonus_is_in_the_loss_if_it_can_become_one() -> None:
    assert not EntropyConfig().in_loss
    assert EntropyConfig(coef=0.1).in_loss
    assert EntropyConfig(target=0.2).in_loss


def test_nested_settings_come_from_file_and_command_line(tmp_path: Path) -> None:
    path = tmp_path / "gspo.toml"
    path.write_text(
        """
        [model.fresh]
        [data.addition]
        [rl.loss]
        ratio = "sequence"
        eps_low = 3e-4
        eps_high = 4e-4
        kl = { beta = 0.04 }
        """
    )
    options = [
        "--rl.loss.kl.estimator",
        "k2",
        "--rl.loss.entropy.coef",
        "0.01",
        "--rl.loss.correction.mode",
        "geometric_mask",
    ]
    loss = load([str(path), *options]).rl.loss
    assert (loss.ratio, loss.eps_low, loss.kl.beta, loss.kl.estimator) == ("sequence", 3e-4, 0.04, "k2")
    assert (loss.entropy.coef, loss.correction.mode, loss.correction.high) == (0.01, "geometric_mask", 2.0)
