"""One run of one policy: what it is asked to do, what it starts from, and the clock of its stages."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from augmill.expectations.names import Scope
from augmill.expectations.suite import Suite, load_suite
from augmill.policies.errors import Finding, PolicyError
from augmill.policies.lint import lint
from augmill.policies.load import Loaded, load
from augmill.tasks.rows.fingerprint import fingerprint, fingerprint_hash
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.runs import production_source
from augmill.tasks.runs.components import catalogue, modality_part, verifier_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.erasure_list import entries
from augmill.tasks.runs.manifest import Published, published
from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.sources.hash_cache import HashCache
from augmill.tasks.sources.roots import Roots
from augmill.tasks.sources.source_contract import SourceListing
from augmill.tasks.sources.source_objects import source_digest
from augmill.tasks.sources.source_reader import discover
from augmill.tasks.storage import json_objects

STAGES = "augmill.tasks.stages.*:*"
TYPE_NAMES = {
    **dict.fromkeys(("int", "int64"), "int64"),
    **dict.fromkeys(("float", "float64"), "float64"),
    **dict.fromkeys(("str", "string", "object"), "string"),
    **dict.fromkeys(("bool", "boolean"), "bool"),
}
"""What suites call types, and what the columns of a source have."""
SHARD_BYTES = 64 << 20


@dataclass(frozen=True)
class RunRequest:
    """A policy made ready: read, checked, its source listed and hashed, the current version looked up.

    `code` is the hash of augmill's own source and the plug-ins; it is part of `run_key`, as is all else that counts.
    `production`: rows as production sends them, where a gate asks for some.
    """

    loaded: Loaded
    ctx: Context
    listing: SourceListing
    before: Published | None
    run_key: str
    suite_text: str
    code: str
    production: SourceListing | None = None

    @property
    def unchanged(self) -> bool:
        """Whether the current version is already what this run would make."""
        return self.before is not None and self.before.manifest.run_key == self.run_key

    @property
    def recorded(self) -> bool:
        """Whether the current version's lineage has reached MLflow, or waits in the spool."""
        return self.before is not None and self.ctx.objects.exists(record_name(self.before.version))

    @property
    def document(self) -> dict[str, Any] | None:
        """What was recorded of the current version, marked as skipped, if this run would only make it again."""
        if self.before is None or not (self.unchanged and self.recorded):
            return None
        return {**json_objects.document(self.ctx.objects, record_name(self.before.version)), "skipped": True}

    @property
    def known_types(self) -> dict[str, str] | None:
        """Columns and types of the version before; None where nothing was published yet."""
        return self.before.manifest.types if self.before is not None else None

    @property
    def new_objects(self) -> frozenset[str]:
        """Names of the raw objects that the current version was not made from, as they are now."""
        published = {(item["name"], item["sha256"]) for item in self.before.manifest.inputs} if self.before else set()
        return frozenset(item.name for item in self.listing.objects if (item.name, item.sha256) not in published)

    @property
    def expected_types(self) -> dict[str, str] | None:
        """Column types of the version before, or those the suite asks for; values that do not fit are faulty rows."""
        return {**(self.known_types or {}), **suite_types(self.ctx.suite)} or None


def suite_types(suite: Suite) -> dict[str, str]:
    """Column types that a suite asks for by `expect_column_values_to_be_of_type`: how a type is changed on purpose."""
    arguments = [spec.kwargs for spec in suite.expectations if spec.type == "expect_column_values_to_be_of_type"]
    return {
        str(kwargs["column"]): TYPE_NAMES[str(kwargs.get("type_"))]
        for kwargs in arguments
        if str(kwargs.get("type_")) in TYPE_NAMES
    }


def record_name(version: int) -> str:
    """The object that says where the record of a version is."""
    return f"records/{version:08d}.json"


def resolve_request(
    policy: Path,
    *,
    lake: str,
    home: Path,
    plugins: Path | None = None,
    shard_rows: int | None = None,
    shard_bytes: int | None = None,
    pii_key: Secret | None = None,
    roots: Roots | None = None,
    refuse_errors: bool = True,
    base: Path | None = None,
) -> RunRequest:
    """Read the policy and look at its source and table; nothing is written but a cache of file hashes.

    With `roots`, a source that lies outside of them is refused. With `refuse_errors`, errors that lint finds without
    data are raised before the source is looked at. `base`: the folder that paths in the policy begin at, where that is
    not the file's own.
    """
    loaded = load(policy, catalogue(plugins))
    if refuse_errors:
        refuse(loaded, lint(loaded, catalogue(plugins)))
    custom: dict[str, Scope] = dict.fromkeys(catalogue(plugins).custom(), "row")
    suite = load_suite(loaded.suite, custom) if loaded.suite else Suite(name=loaded.policy.dataset)
    suite_text = loaded.suite.read_text("utf-8") if loaded.suite else ""
    base = base or loaded.path.parent
    ctx = Context(
        policy=loaded.policy,
        base=base,
        suite=suite,
        lake=lake,
        fingerprint=fingerprint_hash(),
        shard_rows=shard_rows or 0,
        shard_bytes=shard_bytes or SHARD_BYTES,
        plugins=plugins,
        pii_key=pii_key,
        code_cache=home / "code.json",
    )
    ctx = replace(ctx, forgotten=entries(ctx.objects))
    treated = ctx.treatment.identity  # without its key, nothing is looked at
    with HashCache(home / "hashes") as cache:
        listing = discover(loaded.policy, base, cache, roots)
        production = production_source.find(loaded.policy, base, cache, roots)
    code = code_of(ctx)
    suite_document = suite.model_dump(mode="json")
    more = [*treated, *ctx.forgotten, *production_source.digest(production)]
    key = hash_of(loaded.content_hash, suite_document, source_digest(listing), ctx.fingerprint, code, *more)
    before = published(ctx.table, ctx.objects)
    refuse_another_key(ctx, before)
    return RunRequest(loaded, ctx, listing, before, key, suite_text, code, production)


def code_of(ctx: Context) -> str:
    """Hash of all code that decides what a run of the policy publishes: every stage, and the parts the policy names."""
    parts = catalogue(ctx.plugins)
    transforms = {use.use for step in ctx.policy.steps for use in step.transforms}
    gates = [name for name in type(ctx.policy.gates).model_fields if getattr(ctx.policy.gates, name, None)]
    return ctx.code_version(
        STAGES,
        "augmill.expectations.*:*",
        modality_part(ctx),
        verifier_of(ctx),
        *(parts.find(use) for use in sorted(transforms)),
        *parts.custom_parts().values(),
        *(f"augmill.tasks.gates.{name}:*" for name in gates),
    )


def refuse_another_key(ctx: Context, before: Published | None) -> None:
    """Raise PolicyError where rows of earlier versions are kept whose hashes were made with another key."""
    now = ctx.treatment.key_fingerprint
    old = before.manifest.pii_key if before else ""
    if old and now and old != now and ctx.policy.source.mode == "append":
        raise PolicyError(
            f"AUGMILL_PII_KEY is not the key of {ctx.policy.dataset}@{before.version if before else ''} (key {old}, now"
            f" {now}): rows that are appended would not match those there.",
            "Set the key of the versions before, or read all rows again with source.mode: snapshot.",
        )


def refuse(loaded: Loaded, findings: Sequence[Finding]) -> list[Finding]:
    """The warnings among the findings. Raises PolicyError with all of them where one is an error."""
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        raise PolicyError(
            f"{loaded.display_path} has {errors} error{'s' * (errors != 1)}; nothing was run.",
            "Mend them, or silence one on its line with the reason: `# noqa: CODE why`.",
            findings,
        )
    return list(findings)


def git_commit(folder: Path) -> str | None:
    """The commit of the policy's folder, or None outside a checkout or without git."""
    try:
        answer = subprocess.run(  # noqa: S603  a fixed command, no shell
            ["git", "-C", str(folder), "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def fingerprint_document() -> dict[str, str]:
    """The fingerprint in words, for the manifest and the record."""
    return fingerprint()
