"""AUG5xx: what makes a policy easy to trust and to keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import parse_qsl, urlsplit

from augmill.policies.names import did_you_mean
from augmill.policies.rules.rule_context import Context, Hit, error, warning

IDENTIFIER_SHARE = 0.98
SECRETS = ("key", "secret", "token", "password", "signature", "credential")


def aug501_no_suite(context: Context) -> Iterator[Hit]:
    """No expectations on the raw data.

    Why: Augmentation multiplies every bad row. Without a suite, wrong units and missing labels pass unseen.
    Fix: Write a suite beside the policy and name it in `expectations:`; `augmill init` drafts one.
    Bad:
        expectations: null
    Good:
        expectations: breast-cancer
    """
    if context.policy.expectations is None:
        yield warning(
            ("expectations",),
            "the raw data are not checked: `expectations` names no suite.",
            "Draft one with `augmill init`.",
        )


def aug502_nobody_owns_it(context: Context) -> Iterator[Hit]:
    """The policy has no owner or no description.

    Why: The lineage answers "who allowed it?", and a reviewer must know what the data are for.
    Fix: Fill in `owner:` (a team) and `description:` (one sentence).
    Bad:
        owner: ""
    Good:
        owner: data-team
    """
    for name in ("owner", "description"):
        if not getattr(context.policy, name).strip():
            yield warning((name,), f"`{name}` is empty.", "Say it in a few words; it goes into the lineage.")


def aug503_identifier_as_feature(context: Context) -> Iterator[Hit]:
    """A column that looks like an identifier is fed to the transforms.

    Why: The number between two patients' numbers is nobody's. Worse, a model can learn the label from an
        identifier (order of collection), and neighbours are then neighbours in time.
    Fix: Name the column in `ignore:` (carried along unchanged), or in `key:`.
    Bad:
        facts: {columns: {patient: integer, age: integer}, distinct_share: {patient: 1.0, age: 0.2}}
    Good:
        facts: {columns: {patient: integer, age: integer}, distinct_share: {patient: 1.0, age: 0.2}}
        ignore: [patient]
    """
    if context.facts is None:
        return
    policy = context.policy
    spared = {*policy.ignore, policy.key, policy.label, policy.split.group, policy.split.column}
    for name, kind in context.facts.columns.items():
        share = context.facts.distinct_share.get(name, 0.0)
        if kind in ("integer", "text", "categorical") and share >= IDENTIFIER_SHARE and name not in spared:
            yield warning(
                ("ignore",),
                f"column {name!r} looks like an identifier ({share:.0%} distinct values).",
                "Add it to `ignore:`, or make it the `key:`, if it is one.",
            )


def aug504_ignores_nothing(context: Context) -> Iterator[Hit]:
    """A name in `ignore` is no column of the data.

    Why: A misspelled name leaves the real column among the features.
    Fix: Write the column as the data spell it.
    Bad:
        facts: {columns: {patient_id: integer, age: integer}}
        ignore: [patient_no]
    Good:
        facts: {columns: {patient_id: integer, age: integer}}
        ignore: [patient_id]
    """
    columns = context.facts.columns if context.facts else {}
    for index, name in enumerate(context.policy.ignore):
        if columns and name not in columns:
            yield warning(("ignore", index), f"the data have no column {name!r}.", did_you_mean(name, columns))


def aug505_check_cannot_fail(context: Context) -> Iterator[Hit]:
    """The label check is set so loosely that it hardly ever fails.

    Why: A check that only warns, or that lets a tenth of the children contradict their label, publishes what it
        found to be wrong.
    Fix: Keep `min_rate` at 0.9 or more and `max_drop_share` at 0.5 or less; `on_failure: drop` or `fail`.
    Bad:
        checks: {label_consistency: {on_failure: warn}}
    Good:
        checks: {label_consistency: {on_failure: fail}}
    """
    check, at = context.policy.checks.label_consistency, ("checks", "label_consistency")
    if check.on_failure == "warn":
        yield warning(
            (*at, "on_failure"), "contradicted labels would be published with a warning.", "Use drop or fail."
        )
    if check.min_rate < 0.9:
        yield warning(
            (*at, "min_rate"),
            f"min_rate {check.min_rate:g} lets {1 - check.min_rate:.0%} wrong labels pass.",
            "Use 0.9 or more.",
        )
    if check.max_drop_share > 0.5:
        yield warning(
            (*at, "max_drop_share"),
            f"up to {check.max_drop_share:.0%} of the children may be dropped.",
            "A step that loses half its children is wrong: use 0.5 or less.",
        )


def aug506_secret_in_policy(context: Context) -> Iterator[Hit]:
    """A source's address holds a credential.

    Why: Policies are kept in git and copied into the lineage; both are read by many.
    Fix: Remove it; S3 credentials come from the standard AWS variables. Then revoke the leaked one.
    Bad:
        source: {uri: "s3://AKIAEXAMPLE:hunter2@bucket/rows.csv"}
    Good:
        source: {uri: "s3://bucket/rows.csv"}
    """
    for path, uri in _uris(context):
        parts = urlsplit(uri)
        query = [name for name, _ in parse_qsl(parts.query) if any(secret in name.lower() for secret in SECRETS)]
        if "://" in uri and ("@" in parts.netloc or query):
            yield error(path, "the address holds a credential.", "Remove it and revoke it; use the AWS variables.")


def aug507_machine_path(context: Context) -> Iterator[Hit]:
    """A source is named by an absolute path.

    Why: The policy then runs on one machine only. Paths relative to the policy file run wherever both are.
    Fix: Write the path relative to the policy file, or use s3://.
    Bad:
        source: {uri: /home/ada/rows.csv}
    Good:
        source: {uri: ../data/rows.csv}
    """
    for path, uri in _uris(context):
        absolute = PurePosixPath(uri).is_absolute() or PureWindowsPath(uri).is_absolute()
        if absolute or uri.startswith(("~", "file://")):
            yield warning(path, f"{uri} exists on one machine only.", "Write it relative to the policy file.")


def aug508_overruled_without_reason(context: Context) -> Iterator[Hit]:
    """A rejected sample is accepted without a reason.

    Why: The record shows who overruled the verifier; without the reason nobody can tell a judgement from a slip.
    Fix: Write the reason behind the id.
    Bad:
        checks: {label_consistency: {overrule: {0123456789abcdef0123456789abcdef: ""}}}
    Good:
        checks: {label_consistency: {overrule: {0123456789abcdef0123456789abcdef: Seen by Dr. Who on paper.}}}
    """
    for sample, reason in context.policy.checks.label_consistency.overrule.items():
        if not reason.strip():
            yield error(
                ("checks", "label_consistency", "overrule", sample),
                f"no reason is given for {sample}.",
                "Write the reason behind the id.",
            )


def _uris(context: Context) -> Iterator[tuple[tuple[str | int, ...], str]]:
    uri = context.policy.source.uri
    if isinstance(uri, str):
        yield ("source", "uri"), uri
    else:
        for split, part in uri.items():
            yield ("source", "uri", split), part


def aug509_schedule_of_what_never_changes(context: Context) -> Iterator[Hit]:
    """A dataset is run by a schedule, and its source can never change.

    Why: A built-in source is part of a library. Every run finds that nothing has changed.
    Fix: Leave out `cron`; `augmill deploy` and a push start the runs that a changed policy asks for.
    Bad:
        source: {uri: "builtin:wine"}
        schedule: {cron: "0 3 * * *"}
    Good:
        source: {uri: "builtin:wine"}
        schedule: {tags: [demo]}
    """
    uris = context.policy.source.uri
    texts = [uris] if isinstance(uris, str) else list(uris.values())
    scheduled = context.policy.schedule is not None and context.policy.schedule.cron is not None
    if scheduled and all(text.startswith("builtin:") for text in texts):
        yield warning(("schedule", "cron"), "the source never changes, so no run finds anything to do.", "Remove it.")
