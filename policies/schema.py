"""The policy file as closed, frozen models: the settings of a dataset's owner, and nothing else.

Only shapes and single-field rules live here. Rules that judge a policy as a whole are in `lint.py`;
whether a transform exists and takes the given parameters is checked against the catalogue by `load.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from augmill.policies.base_model import Closed, Share
from augmill.policies.gates import Gates
from augmill.policies.schedule import Schedule

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Lower-case letters, digits, hyphens.")]
# With a letter at least: in DATASET@3 the 3 is a version.
CHANNEL = r"^([a-z]|[0-9][0-9-]*[a-z])[a-z0-9-]*$"
Channel = Annotated[
    str, Field(pattern=CHANNEL, max_length=63, description="Lower-case letters, digits, hyphens; not digits alone.")
]
StepName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Split = Literal["train", "validation", "test"]
OnFailure = Literal["drop", "fail", "warn"]
Label = str | int | bool

MAX_ALPHA = 0.05
"""The verifier judges no class at a larger alpha: a verdict would mean little."""

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Source(Closed):
    """Where the raw rows are, and how they are read."""

    uri: str | dict[Split, str]
    format: str | None = None
    mode: Literal["snapshot", "append"] = "snapshot"
    missing: tuple[str, ...] = Field(default=("",), strict=False, description="Texts that mean: no value.")
    pii: dict[str, Literal["hash", "drop", "mask"]] = Field(
        default_factory=dict,
        description="Columns of personal data, treated before anything is written: hash (keyed, by AUGMILL_PII_KEY),"
        " drop, or mask what looks personal inside texts.",
    )


class BoxColumns(Closed):
    """The columns of a manifest with one row per box."""

    xmin: str
    ymin: str
    xmax: str
    ymax: str
    label: str


class Columns(Closed):
    """Which columns of a manifest hold the picture, its mask and its boxes."""

    image: str = "file"
    mask: str | None = None
    boxes: str | BoxColumns | None = None


DEFAULT_FRACTIONS: dict[Split, float] = {"train": 0.7, "validation": 0.15, "test": 0.15}


class SplitRule(Closed):
    """How rows are divided; a row once published in a split keeps it until `salt` changes.

    Unless `column` says where rows go, `fractions` do: 0.7, 0.15 and 0.15 where none are written.
    """

    fractions: dict[Split, Share] | None = None
    column: str | None = None
    group: str | None = None
    salt: str = ""

    @model_validator(mode="before")
    @classmethod
    def _fractions_unless_a_column_decides(cls, raw: Any) -> Any:
        # Here and nowhere else, so that rules that mean the same are equal and have one hash.
        if isinstance(raw, dict) and raw.get("fractions") is None and raw.get("column") is None:
            return {**raw, "fractions": dict(DEFAULT_FRACTIONS)}
        return raw

    @field_validator("fractions")
    @classmethod
    def _no_share_is_no_split(cls, fractions: dict[Split, float] | None) -> dict[Split, float] | None:
        return None if fractions is None else {split: share for split, share in fractions.items() if share}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.fractions is not None and self.column is not None:
            raise ValueError("give fractions or column, not both")
        if self.fractions is not None and abs(sum(self.fractions.values()) - 1.0) > 1e-9:
            raise ValueError(f"fractions must sum to 1, got {sum(self.fractions.values()):g}")
        if self.fractions is not None and self.fractions.get("train", 0.0) <= 0.0:
            raise ValueError("fractions need a train share above 0")
        return self


def _as_text(label: Any) -> Any:
    """A label as the data spell it: 6 is "6", true is "true"."""
    return str(label).lower() if isinstance(label, bool) else str(label) if isinstance(label, int) else label


LabelText = Annotated[str, BeforeValidator(_as_text)]


class Remap(Closed):
    """The label that a row has once it was changed: a mirrored left hand is a right hand."""

    remap: LabelText


class TransformUse(Closed):
    """One transform of a chain, by the name of its file, with the reason why it keeps the label."""

    use: Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]
    invariance: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    probability: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    labels: dict[LabelText, Literal["keep", "forbid"] | Remap] = Field(
        default_factory=dict,
        description="What the transform does to rows of a label: keep (so are those not named), forbid, {remap: LABEL}."
        " A forbidden label is no parent of any child of the step.",
    )

    @field_validator("labels")
    @classmethod
    def _a_remap_changes_the_label(cls, labels: dict[str, Any]) -> dict[str, Any]:
        same = [label for label, fate in labels.items() if isinstance(fate, Remap) and fate.remap == label]
        if same:
            raise ValueError(f"{same[0]} is remapped to itself; write `{same[0]}: keep`")
        return labels


class Amount(Closed):
    """How many children a step makes; exactly one of the four."""

    copies: Annotated[int, Field(ge=1)] | None = None
    to_count: Annotated[int, Field(ge=1)] | None = None
    to_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    balance: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        chosen = [name for name in ("copies", "to_count", "to_share", "balance") if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise ValueError(f"give exactly one of copies, to_count, to_share, balance; got {chosen or 'none'}")
        return self


class Step(Closed):
    """A chain of transforms, applied to real training rows of some labels, in some amount."""

    name: StepName
    transforms: tuple[TransformUse, ...] = Field(strict=False, min_length=1)
    amount: Amount
    only: tuple[Label, ...] | None = Field(default=None, strict=False, min_length=1)


class LabelConsistency(Closed):
    """The semantic check: how often the verifier may contradict a child's label."""

    min_rate: Share = 0.99
    max_drop_share: Share = 0.1
    max_unfamiliar_share: Share = 0.5
    alpha: Annotated[float, Field(gt=0.0, json_schema_extra={"maximum": MAX_ALPHA})] = Field(
        default=0.01,
        description="How often a real row may be contradicted. A class of n rows is judged at 1 / (n + 1) at least,"
        f" and not at all above {MAX_ALPHA:g}: that takes 19 rows.",
    )
    min_verifier_accuracy: Share = Field(
        default=0.5, description="Balanced accuracy on held-out real rows, rescaled so that guessing is 0."
    )
    verifier: str = Field(default="conformal", description="What judges labels: conformal, or a plug-in's name.")
    on_failure: OnFailure = "drop"
    on_too_few: Literal["fail", "warn"] = "warn"
    overrule: dict[str, str] = Field(
        default_factory=dict, description="Rejected sample ids a person accepts, each with the reason."
    )

    @field_validator("alpha")
    @classmethod
    def _some_class_is_judged(cls, alpha: float) -> float:
        if alpha > MAX_ALPHA:
            raise ValueError(f"no class would be judged at an alpha above {MAX_ALPHA:g}; got {alpha:g}")
        return alpha


class Distribution(Closed):
    """The distributional check: copies, ranges and coverage of the children against real rows."""

    max_copy_share: Share = 0.01
    max_near_copy_share: Share = 0.5
    max_out_of_range_share: Share = 0.05
    min_coverage: Share = 0.0
    on_failure: Literal["fail", "warn"] = "fail"


class Checks(Closed):
    """Everything children must pass. The structural layer has no switch, so it is not here."""

    label_consistency: LabelConsistency = Field(default_factory=LabelConsistency)
    distribution: Distribution = Field(default_factory=Distribution)
    custom: tuple[str, ...] = Field(
        default=(), strict=False, description="Expectations from the plug-in folder or entry points, by name."
    )


class Publish(Closed):
    """Where a checked version is announced."""

    channel: Channel | None = None


class Policy(Closed):
    """One dataset's policy: everything a run needs to know."""

    dataset: Name
    description: str = ""
    owner: str = ""
    license: str = Field(default="", description="Of the data, for its card: a name such as cc-by-4.0, or an address.")
    language: tuple[str, ...] = Field(
        default=(), strict=False, description="Of the texts in the data, for its card: codes such as en."
    )
    modality: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    source: Source
    label: str | None = None
    columns: Columns | None = None
    key: str | None = None
    ignore: tuple[str, ...] = Field(default=(), strict=False)
    split: SplitRule = Field(default_factory=SplitRule)
    expectations: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    label_depends_on: tuple[Literal["orientation", "colour", "texture"], ...] = Field(default=(), strict=False)
    steps: tuple[Step, ...] = Field(default=(), strict=False)
    checks: Checks = Field(default_factory=Checks)
    gates: Gates = Field(default_factory=Gates)
    publish: Publish = Field(default_factory=Publish)
    schedule: Schedule | None = None

    @model_validator(mode="after")
    def _steps_have_one_name_each(self) -> Self:
        names = [step.name for step in self.steps]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"step names must differ; used twice: {', '.join(twice)}")
        return self
