"""Publish: quarantine first, then one transaction that makes the new version visible, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.load import NOT_IN_ROWS
from augmill.policies.schema import Policy
from augmill.tasks.rows.hashing import digest_of, hash_of
from augmill.tasks.rows.identity import words_of
from augmill.tasks.rows.provenance import FIELDS, ORIGIN, SAMPLE_ID, SPLIT
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.context import OBJECTS, REGISTER, Context
from augmill.tasks.runs.descriptors import AcceptedShard, DataFile
from augmill.tasks.runs.manifest import METADATA_KEY, RUN_ID, RUN_KEY, Manifest, Published
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.request import RunRequest, fingerprint_document, git_commit
from augmill.tasks.runs.row_index import label_text
from augmill.tasks.runs.run import Run
from augmill.tasks.sanitize.redact import redact_all, redact_text
from augmill.tasks.sources.column_types import arrow_of
from augmill.tasks.stages.check import CheckResult
from augmill.tasks.stages.split import RealRows
from augmill.tasks.storage import channels, measurements
from augmill.tasks.storage.delta import NewFile, Table
from augmill.tasks.storage.delta_schema import held_type
from augmill.tasks.storage.store import Store


def seal_children(ctx: Context, runner: Runner, accepted: Sequence[AcceptedShard]) -> list[DataFile]:
    """Write the children that passed into the table's folder, shard by shard."""
    items = [item for item in accepted if item.kept]
    files = map_shards(runner, "publish", partial(seal, ctx), items, weight=lambda item: item.kept)
    # Beside the file, not in its name: the same children may be judged anew by another verifier.
    return [replace(file, scores=item.scores) for file, item in zip(files, items, strict=True)]


def seal(ctx: Context, item: AcceptedShard) -> DataFile:
    """Worker: write one file of children; named by the shard and by what was dropped from it."""
    dropped = pa.array(sorted(item.dropped), pa.string())
    name = hash_of("published", item.shard.name, digest_of(words_of(dropped)))

    def make() -> DataFile:
        table = ctx.work.read_table(f"{item.shard.name}.parquet")
        if len(dropped):
            table = table.filter(pc.invert(pc.is_in(table[SAMPLE_ID], dropped)))
        path = f"{SPLIT}=train/{ORIGIN}={item.shard.origin}/{name}.parquet"
        written = ctx.table.write_table(path, table.drop_columns([SPLIT, ORIGIN]))
        shard, rows = item.shard, table.num_rows
        counted = pc.value_counts(label_text(table, ctx.policy.label)).to_pylist()
        labels = {entry["values"]: entry["counts"] for entry in sorted(counted, key=lambda entry: entry["values"])}
        return DataFile(
            path, "train", shard.origin, rows, written.bytes, written.sha256, labels, shard.step, shard.name
        )

    return ctx.sealed(f"sealed/{name}", make)


@dataclass(frozen=True)
class Version:
    """What a run published, or found to be published already (`skipped`); `announced`: the channel that it moved."""

    number: int
    parent: int | None
    skipped: bool
    manifest: Manifest
    new_bytes: int
    announced: str | None = None


def publish(run: Run, real: RealRows, checked: CheckResult) -> Version:
    """Make the version visible, whole or not at all, and point the policy's channel at it."""
    with run.stage("publish") as figures:
        version = publish_version(run, real, checked)
        figures["version"] = version.number
        return version


def publish_version(run: Run, real: RealRows, checked: CheckResult) -> Version:
    """Seal the children, commit the version unless nothing differs from the one before, move the channel."""
    ctx, before = run.ctx, run.request.before
    files = [*real.files, *seal_children(ctx, run.runner, checked.accepted)]
    manifest = manifest_of(run, real, checked, files)
    if before is not None and _same(before.manifest, manifest):
        version = Version(before.version, parent_of(before), True, before.manifest, 0)
    else:
        old = {file.path for file in before.snapshot.files} if before else set()
        number = commit(run, files, manifest)
        fresh = sum(file.bytes for file in files if file.path not in old)
        version = Version(number, before.version if before else None, False, manifest, fresh)
    # Skipped or not: the run that committed may have been killed before it came here.
    register(ctx)
    return replace(version, announced=announce(ctx, version.number, run.at_ms, run.run_id))


def _same(old: Manifest, new: Manifest) -> bool:
    return old.run_key == new.run_key or (
        old.policy_hash == new.policy_hash
        and old.suite_text == new.suite_text
        and old.production == new.production
        and sorted(file["path"] for file in old.files) == sorted(file["path"] for file in new.files)
    )


def parent_of(published: Published) -> int | None:
    """The version before a published one; versions are consecutive."""
    return published.version - 1 if published.version > 0 else None


def manifest_of(run: Run, real: RealRows, checked: CheckResult, files: Sequence[DataFile]) -> Manifest:
    """What the version was made from and what it holds."""
    request = run.request
    return Manifest(
        dataset=request.ctx.policy.dataset,
        run_key=request.run_key,
        policy_name=request.loaded.path.name,
        policy_text=redact_text(request.loaded.text),
        policy=_kept(request.ctx.policy),
        policy_hash=request.loaded.content_hash,
        suite_text=redact_text(request.suite_text),
        fingerprint=fingerprint_document(),
        code=request.code,
        git_commit=git_commit(request.ctx.base),
        inputs=[asdict(item) for item in request.listing.objects],
        types=checked.types,
        salt=request.ctx.policy.split.salt,
        ledger=list(real.ledger),
        valid=[shard.to_json() for shard in real.valid],
        files=[file.to_json() for file in sorted(files, key=lambda file: file.path)],
        figures=checked.figures,
        pii_key=request.ctx.treatment.key_fingerprint,
        production=_production(request),
    )


def _kept(policy: Policy) -> dict[str, Any]:
    """The policy as values, without secrets unless rows depend on the value: rebuilding them needs it."""
    values = policy.model_dump(mode="json")
    return values | {key: redact_all(values[key]) for key in NOT_IN_ROWS & values.keys()}


def _production(request: RunRequest) -> dict[str, Any]:
    gate = request.ctx.policy.gates.drift_coverage
    if gate is None or request.production is None:
        return {}
    return {
        "uri": request.loaded.resolve(gate.production),
        "objects": [asdict(item) for item in request.production.objects],
    }


def commit(run: Run, files: Sequence[DataFile], manifest: Manifest) -> int:
    """Make the version visible. Files it shares with the version before are kept by reference."""
    ctx, before = run.ctx, run.request.before
    old = {file.path for file in before.snapshot.files} if before else set()
    new = {file.path: file for file in files}
    added = [_new_file(file) for path, file in sorted(new.items()) if path not in old]
    # The run id lets a commit be recognised whose answer was lost on the way.
    metadata = {METADATA_KEY: manifest.write(ctx.objects), RUN_KEY: manifest.run_key, RUN_ID: run.run_id}
    user = [pa.field(name, held_type(arrow_of(kind), name)) for name, kind in manifest.types.items()]
    schema = pa.schema([*user, *FIELDS])
    expected = before.version if before else None
    run.hold()  # a run that slept too long may have lost files to vacuum: they are looked for from here on
    return Table(ctx.table).publish(expected, added, sorted(old - set(new)), schema, metadata, at_ms=run.at_ms)


def register(ctx: Context) -> None:
    """Enter the dataset into the lake's list of datasets."""
    Store(ctx.lake).sub(OBJECTS, REGISTER).create(ctx.policy.dataset, b"")


def announce(ctx: Context, version: int, at_ms: int, run_id: str) -> str | None:
    """Point the policy's channel at the version, unless it has ever pointed there or further; returns it if it moved.

    A rollback stays: the version that people went back from is not announced again, nor one that has failed since.
    """
    name = unannounced(ctx, version)
    if name is not None:
        store = ctx.objects.sub("channels")
        current = channels.current(store, name)
        channels.move(store, name, version, current, at_ms=at_ms, reason=channels.PUBLISHED, run_id=run_id)
    return name


def unannounced(ctx: Context, version: int) -> str | None:
    """The policy's channel, if a run that ends with this version would point it there."""
    name = ctx.policy.publish.channel
    moves = channels.history(ctx.objects.sub("channels"), name) if name else []
    if any(move.version >= version for move in moves):
        return None
    return None if measurements.breaches(measurements.of(ctx.objects.sub("measurements"), version)) else name


def _new_file(file: DataFile) -> NewFile:
    return NewFile(file.path, file.bytes, file.sha256, file.rows, {SPLIT: file.split, ORIGIN: file.origin})
