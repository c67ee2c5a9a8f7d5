"""Audit the dependencies and the files of infra/, by tools in an environment of their own (.venv-audit).

    python3 infra/audit.py dependencies    known vulnerabilities in any locked version
    python3 infra/audit.py files           Dockerfile, compose.yaml, Kubernetes, units, workflows, against their schemas

`dependencies` asks two public services in turn and waits minutes at most. Where neither knows the packages it says
that nothing was audited, and ends with 0: a build must not depend on somebody else's server. What is known and accepted
stands in infra/audit-accepted.toml, each with its reason.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "infra"))

from dev import install  # noqa: E402 - the folder above is not a package

TOOLS = ROOT / ".venv-audit"
LOCKS = ("requirements-dev.txt", "requirements-server.txt", "requirements-ministack.txt")
ACCEPTED = ROOT / "infra" / "audit-accepted.toml"
SERVICES = ("pypi", "osv")
ASK_SECONDS = 240
KUBERNETES = "1.34"


def main(arguments: list[str]) -> int:
    """Install the tools and do what the argument says; 0 if nothing is wrong."""
    verbs = {"dependencies": dependencies, "files": files}
    if len(arguments) != 1 or arguments[0] not in verbs:
        sys.exit(str(__doc__))
    install(TOOLS, "requirements-audit.txt")
    return verbs[arguments[0]]()


def dependencies() -> int:
    """Ask about every locked version; 1 where a vulnerability is known that nobody has accepted."""
    for service in SERVICES:
        answer = ask(service)
        if answer is not None:
            return judge(answer, service, accepted(ACCEPTED))
    print("NOT AUDITED: no service that knows vulnerabilities could be asked; nothing is said about the dependencies.")
    return 0


def ask(service: str) -> list[dict[str, Any]] | None:
    """What a service knows of each package, or None where it does not answer, in time or about any of them."""
    packages: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, pins in enumerate(locked()):
            pinned, report = Path(folder, f"{number}.txt"), Path(folder, f"{number}.json")
            pinned.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
            if fault := run_pip_audit(service, pinned, report):
                print(f"{service} could not be asked: {fault}")
                return None
            packages += json.loads(report.read_text())["dependencies"]
    # A mirror without this service says "not found" of each: no answer, though the tool calls it success.
    if all("skip_reason" in package for package in packages):
        print(f"{service} knows none of the {len(packages)} packages")
        return None
    return packages


def locked() -> list[dict[str, str]]:
    """Every locked version once; what is locked in two versions, for two environments, stands in two lists."""
    lists: list[dict[str, str]] = [{}]
    for lock in LOCKS:
        for name, version in re.findall(
            r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE
        ):
            place = next((pins for pins in lists if pins.get(name, version) == version), None)
            if place is None:
                lists.append(place := {})
            place[name] = version
    return lists


def run_pip_audit(service: str, requirements: Path, report: Path) -> str:
    """Write the report; returns why it could not be, or nothing."""
    command = [str(TOOLS / "bin" / "pip-audit"), "--disable-pip", "--no-deps", "--progress-spinner", "off"]
    command += ["--vulnerability-service", service, "--timeout", "8", "--format", "json", "--output", str(report)]
    try:
        done = subprocess.run(
            [*command, "--requirement", str(requirements)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=ASK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {ASK_SECONDS} s"
    if report.exists():
        return ""
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1][:300]


def accepted(file: Path) -> dict[str, str]:
    """The vulnerabilities that are known and accepted, with the reason of each; stops at one without."""
    listed = tomllib.loads(file.read_text()).get("accepted", [])
    for entry in listed:
        if set(entry) != {"id", "package", "reason"} or not str(entry["reason"]).strip():
            sys.exit(f"{file}: each [[accepted]] holds an id, a package and a reason; received {entry}")
    return {entry["id"]: entry["reason"] for entry in listed}


def judge(packages: list[dict[str, Any]], service: str, accepted_reasons: dict[str, str]) -> int:
    """Print what was found; 1 where something is not accepted."""
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    new, matched_ids = 0, set()
    for package in packages:
        for fault in package.get("vulns", ()):
            ids = [fault["id"], *fault.get("aliases", ())]
            reason = next((accepted_reasons[name] for name in ids if name in accepted_reasons), None)
            matched_ids |= {name for name in ids if name in accepted_reasons}
            new += reason is None
            fixed = ", ".join(fault.get("fix_versions", ())) or "no version yet"
            verdict = f"accepted: {reason}" if reason else f"mended in {fixed}"
            print(f"{package['name']} {package['version']}: {fault['id']} ({verdict})")
    for name in sorted(accepted_reasons.keys() - matched_ids):
        print(f"{ACCEPTED.name} accepts {name}, which nothing has any more: take it out")
    print(f"{len(packages) - len(skipped)} packages audited by {service}, {len(skipped)} unknown to it; {new} to mend")
    if new:
        print("  remedy: `python3 infra/lock.py --upgrade-package NAME`, or accept it with a reason in", ACCEPTED.name)
    return int(new > 0)


def files() -> int:
    """Check every file that this machine may be unable to run; 1 where one is wrong."""
    tools = TOOLS / "bin"
    rendered = TOOLS / "kubernetes.yaml"
    checks = [
        [str(tools / "hadolint"), "infra/Dockerfile"],
        schema_check(tools, "vendor.compose-spec", "infra/compose.yaml"),
        schema_check(
            tools, "vendor.github-workflows", *sorted(map(str, (ROOT / ".github" / "workflows").glob("*.yml")))
        ),
        schema_check(tools, "vendor.gitlab-ci", "infra/ci/gitlab.yml"),
    ]
    manifests = ["infra/kubernetes/secrets.example.yaml"]
    if kubectl := shutil.which("kubectl"):
        done = subprocess.run([kubectl, "kustomize", "infra/kubernetes"], cwd=ROOT, capture_output=True, check=False)
        if done.returncode:
            print(done.stderr.decode(errors="replace"))
            return 1
        rendered.write_bytes(done.stdout)
        manifests.append(str(rendered))
    else:
        print("kubectl is not here: manifests are judged one by one, not as kustomization.yaml puts them together")
        manifests += [str(file) for file in sorted((ROOT / "infra/kubernetes").glob("[!k]*.yaml"))]
    checks.append([str(tools / "kubernetes-validate"), "--quiet", "--strict", "-k", KUBERNETES, *manifests])
    return max(show(command) for command in checks)


def schema_check(tools: Path, schema: str, *judged: str) -> list[str]:
    """The command that judges files by a schema that comes with the tool."""
    return [str(tools / "check-jsonschema"), "--quiet", "--builtin-schema", schema, *judged]


def show(command: list[str]) -> int:
    """Run a check in the checkout, say what it says and how it ended."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False, timeout=300)
    print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {Path(command[0]).name}", flush=True)
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
