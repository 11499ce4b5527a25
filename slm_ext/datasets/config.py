"""What decides what a dataset holds. It stands in the manifest: the same inputs and this give the same bytes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from slm_ext.registry.subtasks import Subtask

__all__ = ["BuildConfig", "DecontaminationConfig", "SplitConfig"]

Fraction = Annotated[float, Field(ge=0, lt=1)]


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitConfig(_Config):
    """Which part is kept back."""

    by: Literal["repository", "instance"] = "repository"
    """What is never divided; issues that are nearly the same count as one. An episode without a known repository is
    divided by instance."""
    valid: Fraction = 0.05
    test: Fraction = 0.0


class DecontaminationConfig(_Config):
    """What an evaluation will ask must not be trained on."""

    benchmarks: bool = True
    """Drop episodes of the repositories that SWE-bench takes its tasks from."""
    files: tuple[str, ...] = ()
    """Tasks to keep out: JSON or JSONL with `instance_id`, `repo`, `base_commit`, `problem_statement`, `patch`, any of
    them, or texts with one instance id a line."""
    repositories: bool = True
    """Keep out the repositories of those tasks as a whole; False: only the tasks themselves."""
    solutions: tuple[str, ...] = ()
    """Tasks that are trained on, in the same forms, with `instance_id` and `patch`: a run that was shown its own task's
    patch is dropped."""
    ngram: int = Field(default=13, ge=5)
    """Words; an episode that shares so many in a row with an issue or a patch of those tasks is dropped."""


class BuildConfig(_Config):
    """What `slm dataset build` is asked for."""

    schema_version: int = 1
    format: Literal["mlx", "openai", "axolotl", "trl"] = "mlx"
    tokenizer: str = "package:flywheel-tiny"
    """Folder of the model to be trained: its tokenizer and chat template."""
    tool_mode: Literal["native", "xml", "json", "text"] = "native"
    """How calls are written: as the model's chat template does, or as text for models without tool training, as
    providers of that `tool_mode` are asked."""
    bundles: str | None = None
    """Folder of the host's tool bundles, SWE-agent's `tools/`: the schemas of the tools of runs that name bundles."""
    seed: int = 0
    max_tokens: int | None = Field(default=None, gt=0)
    """Most tokens of a row, target included; None: the model's own window."""
    too_long: Literal["fit", "drop"] = "fit"
    """A prompt that is too long is fitted as serving would, or its row is dropped. Nothing is ever cut."""
    unresolved: Literal["drop", "steps"] = "drop"
    """Runs whose task was not solved: left out, or their good steps are used."""
    unlabelled: Literal["drop", "steps", "keep"] = "drop"
    """Runs that nobody judged; `keep` treats them as resolved."""
    disable: tuple[str, ...] = ()
    """Names of rules on steps that are not applied."""
    licenses: tuple[str, ...] = ()
    """Only runs on repositories of these licences, as their records name them; empty: all."""
    critic: str | None = None
    """Who judges the steps, for the record: the build is given a function that asks."""
    turns: Literal["all", "edits"] = "all"
    """Which good steps are trained on."""
    per_episode: int | None = Field(default=12, gt=0)
    """Most rows of one episode: early prompts come again in all of them."""
    per_instance: int | None = Field(default=4, gt=0)
    """Most episodes of one task, the best first: resolved, without rejected steps, short."""
    near_duplicates: Annotated[float, Field(gt=0, le=1)] | None = 0.9
    """Jaccard similarity of two episodes' actions from which the worse one is dropped; None: only equal ones are."""
    decontamination: DecontaminationConfig = DecontaminationConfig()
    split: SplitConfig = SplitConfig()
    order: Literal["shuffled", "curriculum", "source"] = "shuffled"
    """Of the rows; curriculum: short and easy ones first."""
    subtasks: tuple[Subtask, ...] = ()
    """Only steps of these kinds of work (`slm_ext.registry.subtasks`); empty: all."""
    exports: tuple[Literal["fixes", "pairs", "step_pairs", "kto", "verifier"], ...] = ()
    """Further files, in `exports/`."""
    negatives: Annotated[float, Field(gt=0)] = 1.0
    """`verifier`: most unresolved episodes per resolved one."""
    max_audit_drops: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Part of the rows that may fail rendering or checking before the build is refused."""

    @field_validator("disable")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from slm_ext.datasets.rules import STEP_RULES

        for name in value:
            if name not in STEP_RULES:
                raise ValueError(f"no rule {name!r}; there are {', '.join(STEP_RULES)}")
        return value
