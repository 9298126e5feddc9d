"""Settings of the data: where problems come from, which are held out, how a prompt is built."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from trainer_client.config.section import Positive, Section, Share


class AdditionConfig(Section):
    """The built-in demo task: `7+15+8=`, solved step by step in the R1 format."""

    terms: int = Field(default=3, ge=2, le=8, description="numbers to add")
    max_number: int = Field(default=20, ge=1, le=10_000, description="each number is 1..max_number")
    train_problems: Positive = Field(default=7000, description="distinct problems to train on")
    held_out_problems: Positive = Field(default=256, description="problems never trained on, for evaluation")
    slip_share: Share = Field(
        default=0.5, description="share of carries that the demonstrations forget: a teacher RL can do better than"
    )
    seed: int = Field(default=0, ge=0, description="which problems are held out; the run's seed leaves it alone")

    @model_validator(mode="after")
    def _enough_problems_exist(self) -> AdditionConfig:
        exist = self.max_number**self.terms
        wanted = self.train_problems + self.held_out_problems
        if wanted > exist:
            raise ValueError(
                f"{wanted} distinct problems wanted (train_problems + held_out_problems), only {exist} exist"
            )
        return self


class FieldsConfig(Section):
    """Which keys of a JSONL row mean what."""

    prompt: str = Field(default="prompt", description="the question")
    ground_truth: str = Field(default="ground_truth", description="the reference, sent to the reward server as it is")
    completion: str | None = Field(default=None, description="a demonstration for SFT; none: the rows have none")


class DataConfig(Section):
    """Which problems are trained on and which are held out: `addition`, or `train` and `held_out` files."""

    addition: AdditionConfig | None = Field(default=None, description="the generated demo task")
    train: Path | None = Field(default=None, description="JSONL file to train on")
    held_out: Path | None = Field(default=None, description="JSONL file to evaluate on")
    fields: FieldsConfig = Field(default_factory=FieldsConfig, description="names of the keys in those files")
    template: str = Field(default="{prompt}", description="text around the question; {prompt} stands for it")
    chat: bool = Field(default=False, description="wrap it as a user turn in the tokenizer's chat template")
    system: str | None = Field(default=None, description="system turn of the chat; needs chat = true")
    max_prompt_tokens: Positive = Field(default=1024, description="longer prompts are left out and counted")

    @model_validator(mode="after")
    def _one_source(self) -> DataConfig:
        files = self.train is not None and self.held_out is not None
        if (self.addition is not None) == files or (self.train is None) != (self.held_out is None):
            raise ValueError("give either data.addition or both data.train and data.held_out")
        if "{prompt}" not in self.template:
            raise ValueError("data.template must contain {prompt}")
        if self.system is not None and not self.chat:
            raise ValueError("data.system needs data.chat = true")
        return self
