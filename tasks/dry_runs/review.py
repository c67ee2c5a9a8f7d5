"""Review one policy that a change touches: lint it, plan it beside what stood at the base, and fly a canary.

Whatever cannot be done is a fault of this policy's review, told with its remedy; the reviews of others go on.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from augmill.expectations.suite import load_suite
from augmill.policies.errors import AugmillError, Finding, PolicyError
from augmill.policies.lint import lint
from augmill.policies.load import Catalogue, Loaded, load
from augmill.policies.yaml_source import content
from augmill.tasks.cards.policy_diff import unified
from augmill.tasks.dry_runs.canary import run_canary
from augmill.tasks.dry_runs.gate_forecast import forecast_gates
from augmill.tasks.dry_runs.plan import plan
from augmill.tasks.review.touched import Touched
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runners.shard import to_user_error
from augmill.tasks.runs.request import RunRequest

log = logging.getLogger("augmill.review")

OF_CHILDREN = ("children", "scores")
"""Folders of the work store that estimates write into: another estimate must measure anew."""

Document = dict[str, Any]
Say = Callable[[str], None]


class Ask(Protocol):
    """How a policy is made ready: `file`, and the folder that its paths begin at."""

    def __call__(self, file: Path, base: Path | None = None) -> RunRequest:
        """Raises PolicyError, DataError or StorageError."""


def review(touched: Touched, root: Path, ask: Ask, catalogue: Catalogue, runner: Runner, say: Say) -> Document:
    """Everything that is to be said of one policy, as a JSON-able document with its exit code.

    `root`: the folder of the repository, from which paths are told.
    """
    file = root / touched.path
    document: Document = {
        "path": touched.path,
        "dataset": touched.dataset,
        "kind": touched.kind,
        "because": list(touched.because),
        "notes": _notes(touched),
        "lint": [],
        "faults": [_fault_document(_rivalry(touched))] if touched.rivals else [],
        "policy_diff": "",
        "suite_diff": "",
        "plan": None,
        "base": None,
        "canary": None,
        "gates": [],
        "exit_code": PolicyError.exit_code if touched.rivals else 0,
    }
    if touched.kind == "deleted":
        return document | {"policy_diff": unified(touched.before or "", "", touched.path, "deleted")}
    try:
        loaded, findings = _read(file, catalogue)
        document |= {"lint": [asdict(touched) for touched in findings], **_diffs(touched, loaded)}
        if not _errors(findings):
            with tempfile.TemporaryDirectory(prefix="augmill-ci-") as folder:
                _review_with_data(document, touched, file, ask, runner, Path(folder), say)
    except PolicyError as fault:
        document["lint"] += [asdict(finding) for finding in fault.findings]
        if not fault.findings:
            document["faults"].append(_fault_document(fault))
        document["exit_code"] = fault.exit_code
    except Exception as raised:  # the code of a plug-in is under review too, and may raise anything
        ended = to_user_error(raised, f"The review of {touched.path}")
        if ended is not raised:
            log.exception("%s", ended.cause)
        document["faults"].append(_fault_document(ended))
        document["exit_code"] = ended.exit_code
    for finding_document in document["lint"]:
        finding_document["file"] = finding_document["file"].removeprefix(f"{root}/")
    return document | {"exit_code": _exit_code(document)}


def _rivalry(touched: Touched) -> PolicyError:
    return PolicyError(
        f"{touched.path} is not the only policy of the dataset {touched.dataset}: so is {', '.join(touched.rivals)}.",
        "Give each policy a dataset of its own: `augmill deploy` refuses both.",
    )


def _read(file: Path, catalogue: Catalogue) -> tuple[Loaded, list[Finding]]:
    """The policy and what lint says without data; raises PolicyError with every fault of the policy or its suite."""
    loaded = load(file, catalogue)
    if loaded.suite is not None:
        load_suite(loaded.suite, dict.fromkeys(catalogue.custom(), "row"))
    return loaded, lint(loaded, catalogue)


def _errors(findings: list[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _diffs(touched: Touched, loaded: Loaded) -> Document:
    suite = loaded.suite.read_text("utf-8") if loaded.suite else ""
    at = f"{touched.moved_from or touched.path} at the base"
    return {
        "policy_diff": unified(touched.before or "", loaded.text, at, touched.path),
        "suite_diff": unified(touched.suite_before or "", suite, "suite at the base", "suite"),
    }


def _review_with_data(
    document: Document, touched: Touched, file: Path, ask: Ask, runner: Runner, folder: Path, say: Say
) -> None:
    """Plan it, plan what stood at the base beside it, and fly the canary where a run would come so far."""
    scratch, lake = folder / "plan", folder / "canary"
    scratch.mkdir()
    lake.mkdir()
    say(f"{touched.dataset}: plan")
    request = ask(file)
    plan_document = document["plan"] = plan(request, runner, str(scratch))
    document["lint"] = plan_document["lint"]
    document["faults"] += plan_document["faults"]
    if document["policy_diff"] or document["suite_diff"]:
        document["base"] = _plan_base(document, touched, file, ask, runner, folder)
    if plan_document["exit_code"]:
        return
    say(f"{touched.dataset}: canary")
    real = plan_document["rows"]["after"].get("train", {}).get("real", {})
    flown = document["canary"] = run_canary(request, runner, str(scratch), str(lake), real)
    judged = {answer["name"] for answer in flown["checks"]}
    document["gates"] = [
        gate for gate in forecast_gates(request.ctx.policy, plan_document) if gate["name"] not in judged
    ]


def _plan_base(
    document: Document, touched: Touched, file: Path, ask: Ask, runner: Runner, folder: Path
) -> dict[str, Any] | None:
    """The plan of what stood at the base, on what the other plan has read already; None where there is none."""
    if touched.before is None:
        return None
    scratch, base_file = folder / "base", folder / "then" / "policies" / file.name
    base_file.parent.mkdir(parents=True)
    base_file.write_text(touched.before, "utf-8")
    shutil.copytree(folder / "plan", scratch, copy_function=os.link, ignore=shutil.ignore_patterns(*OF_CHILDREN))
    try:
        _put_suite(touched, base_file)
        plan_document = plan(ask(base_file, file.parent), runner, str(scratch))
    except AugmillError as fault:
        document["notes"].append(f"What stood at the base cannot be planned, so nothing is compared: {fault.cause}")
        return None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return {key: plan_document.get(key) for key in ("rows", "steps", "files", "cpu_seconds", "exit_code")}


def _put_suite(touched: Touched, base_file: Path) -> None:
    name = content((touched.before or "").encode()).get("expectations")
    if touched.suite_before is not None and isinstance(name, str):
        suite = base_file.parent.parent / "expectations" / f"{name}.yaml"
        suite.parent.mkdir()
        suite.write_text(touched.suite_before, "utf-8")


def _notes(touched: Touched) -> list[str]:
    if touched.kind == "deleted":
        return [
            f"{touched.path} is deleted: no more versions of {touched.dataset} are made, those there are stay in "
            "the lake. A deployment of it goes with `augmill deploy --prune`."
        ]
    notes = []
    if touched.was is not None and touched.was != touched.dataset:
        notes.append(
            f"The data set is renamed from {touched.was} to {touched.dataset}: versions, channels and pins stay with "
            "the old name, the new one begins at version 0, and every row is placed in its split anew."
        )
    if touched.moved_from is not None:
        notes.append(
            f"The policy was moved from {touched.moved_from}; it goes on with the versions of {touched.dataset}."
        )
    return notes


def _exit_code(document: Mapping[str, Any]) -> int:
    codes = [document["exit_code"], *(part["exit_code"] for part in (document["plan"], document["canary"]) if part)]
    if any(part["severity"] == "error" for part in document["lint"]):
        codes.append(PolicyError.exit_code)
    if any(not gate["success"] and gate["on_failure"] == "fail" for gate in document["gates"]):
        codes.append(3)
    return int(max(codes))


def _fault_document(fault: AugmillError) -> dict[str, str]:
    return {"kind": type(fault).__name__, "cause": fault.cause, "remedy": fault.remedy}
