"""Dockerfile, compose.yaml, Kubernetes manifests and units keep to our rules; infra/audit.py knows their schemas."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("augmill")}
DOCKERFILE = (INFRA / "Dockerfile").read_text()
MANIFESTS = [
    document
    for file in sorted((INFRA / "kubernetes").glob("*.yaml"))
    if file.name != "kustomization.yaml"
    for document in yaml.safe_load_all(file.read_text())
]
PODS = {
    one["metadata"]["name"]: one["spec"]["template"]
    for one in MANIFESTS
    if one["kind"] in ("Deployment", "StatefulSet")
}
CONTAINERS = [
    (name, container)
    for name, pod in PODS.items()
    for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
]
UNITS = {file.stem: file.read_text() for file in sorted((INFRA / "systemd").glob("*.service"))}


def instructions(name: str) -> list[str]:
    """The arguments of one kind of instruction, continued lines joined."""
    joined = re.sub(r"\\\n(?:\s*#.*\n)*\s*", " ", DOCKERFILE)
    return [line.partition(" ")[2] for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_the_base_image_is_one_exact_version_and_every_stage_stands_on_it():
    (base,) = [text for text in instructions("ARG") if text.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=python:3\.11\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    assert {text.split(" AS ")[0] for text in instructions("FROM")} == {"${PYTHON}"}


def test_the_image_runs_as_nobody_special_and_says_how_it_is():
    for target in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]:
        if "AS build" in target or "-build\n" in target:
            continue
        users = re.findall(r"^USER (\d+):\d+$", target, re.MULTILINE)
        assert len(users) == 1
        assert int(users[0]) > 1000
        assert re.search(r"^HEALTHCHECK ", target, re.MULTILINE)
        assert target.index("USER ") < target.index("CMD [")


def test_every_package_is_installed_by_hash_and_into_an_environment_without_pip():
    installs = [text for text in instructions("RUN") if " install " in text]
    for text in installs:
        for part in text.split("&&"):
            if "pip" in part and " install " in part:
                assert "--require-hashes" in part or "/wheel/augmill-*.whl" in part, part
    assert DOCKERFILE.count("--without-pip") == DOCKERFILE.count("python -m venv")


def test_what_the_image_copies_is_there_and_let_through():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sources = [text.split()[:-1] for text in instructions("COPY") if "--from=" not in text]
    for name in (one for parts in sources for one in parts):
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
    assert "*" in ignored


def test_ports_are_on_loopback_alone():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert COMPOSE["networks"]["back"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "front" in service["networks"]} == {
        name for name, service in SERVICES.items() if service.get("ports")
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "healthcheck" in service or name in OURS
    assert service["logging"]["options"]["max-size"]
    assert re.search(r":(v?\d+\.\d+(\.\d+)?(-\w+)?|\$\{AUGMILL_VERSION:-\d+\.\d+\.\d+\})$", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_waits_for_and_reads_is_there(name):
    service = SERVICES[name]
    for mount in service.get("volumes", []):
        source = mount.rsplit(":", 2)[0] if mount.endswith(":ro") else mount.partition(":")[0]
        if source.startswith("."):
            assert (INFRA / source).exists(), mount
            assert mount.endswith(":ro"), mount
        elif not source.startswith("${"):
            assert source in COMPOSE["volumes"], mount
    for other, asked in service.get("depends_on", {}).items():
        healthy = "healthcheck" not in SERVICES[other] or not SERVICES[other]["healthcheck"].get("disable")
        assert asked["condition"] == ("service_healthy" if healthy else "service_completed_successfully")
    for file in service.get("env_file", []):
        assert Path(file).name in secrets_files()


def secrets_files() -> dict[str, dict[str, str]]:
    scope: dict = {"__name__": "made", "__file__": str(INFRA / "compose" / "make_secrets.py")}
    exec(compile((INFRA / "compose" / "make_secrets.py").read_text(), "make_secrets.py", "exec"), scope)
    return scope["files"]()


def test_no_secret_stands_in_what_is_committed():
    names = {name for lines in secrets_files().values() for name in lines}
    given = {name for service in SERVICES.values() for name in service.get("environment", {})}
    settings = next(one for one in MANIFESTS if one["kind"] == "ConfigMap")["data"].keys()
    assert names & (given | settings) == set()
    done = subprocess.run(["git", "-C", ROOT, "check-ignore", "infra/compose/secrets/s3.env"], check=False)
    assert done.returncode in (0, 128)


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path):
    program = tmp_path / "make_secrets.py"
    shutil.copy(INFRA / "compose" / "make_secrets.py", program)

    def made(*options: str) -> tuple[int, dict[str, str]]:
        done = subprocess.run([sys.executable, program, *options], capture_output=True, text=True, check=False)
        return done.returncode, {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}

    code, first = made()
    assert (code, set(first)) == (0, set(secrets_files()))
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "secrets").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert made() == (0, first)
    (tmp_path / "secrets" / "mlflow.env").unlink()
    assert made()[0] == 1  # half of a pair of passwords would fit nothing
    code, renewed = made("--renew")
    assert code == 0
    assert all(renewed[name] != first[name] for name in first)


def test_the_secrets_of_kubernetes_are_those_of_compose():
    forms = {one["metadata"]["name"]: set(one["stringData"]) for one in MANIFESTS if one["kind"] == "Secret"}
    files = {f"augmill-{name.removesuffix('.env')}": set(lines) for name, lines in secrets_files().items()}
    files.pop("augmill-grafana")
    assert forms == files


def test_prometheus_asks_in_containers_what_it_asks_on_one_machine():
    file = INFRA / "prometheus" / "prometheus.yml"
    ours, theirs = (yaml.safe_load(one.read_text()) for one in (INFRA / "compose" / "prometheus.yml", file))
    assert (ours["global"], ours["rule_files"]) == (theirs["global"], theirs["rule_files"])
    jobs = {
        one["job_name"]: {k: v for k, v in one.items() if k != "static_configs"} for one in theirs["scrape_configs"]
    }
    for one in ours["scrape_configs"]:
        assert {k: v for k, v in one.items() if k != "static_configs"} == jobs[one["job_name"]]
        for target in (target for config in one["static_configs"] for target in config["targets"]):
            assert target.partition(":")[0] in {*SERVICES, "127.0.0.1"}


def test_prometheus_understands_its_file_of_compose(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here (Debian: prometheus)")
    for file in [INFRA / "compose" / "prometheus.yml", *(INFRA / "prometheus").glob("*.rules.yml")]:
        shutil.copy(file, tmp_path)
    command = ["promtool", "check", "config", tmp_path / "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("pod", "container"), CONTAINERS, ids=[f"{p}-{c['name']}" for p, c in CONTAINERS])
def test_a_container_in_kubernetes_is_restricted_probed_and_bounded(pod, container):
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    if container in PODS[pod]["spec"]["containers"]:
        assert "livenessProbe" in container
    assert not any("password" in str(one).lower() for one in container.get("env", []))


@pytest.mark.parametrize("name", PODS)
def test_a_pod_in_kubernetes_is_nobody_special(name):
    spec = PODS[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert not any("hostPath" in volume for volume in spec["volumes"])
    (budget,) = [one for one in MANIFESTS if one["kind"] == "PodDisruptionBudget" and one["metadata"]["name"] == name]
    assert budget["spec"]["selector"]["matchLabels"] == PODS[name]["metadata"]["labels"]


def test_every_rule_of_the_network_is_about_pods_that_exist():
    text = (INFRA / "kubernetes" / "network.yaml").read_text()
    named = set(re.findall(r"app\.kubernetes\.io/name: (\w+)", text))
    named |= {name for group in re.findall(r"values: \[([^]]+)]", text) for name in group.split(", ")}
    assert named == set(PODS)
    first = next(one for one in MANIFESTS if one["kind"] == "NetworkPolicy")
    assert (first["spec"]["podSelector"], first["spec"]["policyTypes"]) == ({}, ["Ingress", "Egress"])


def test_all_ways_of_running_start_the_same_commands():
    worker = instructions("CMD")[-1].strip("[]").replace('"', "").split(", ")
    commands = {
        name: SERVICES[name].get("command", worker) for name in ("prefect", "mlflow", "deploy", "worker", "exporter")
    }
    for pod, container in CONTAINERS:
        if container["name"] in commands:
            assert container["command"] == commands[container["name"]], pod
    for name, text in UNITS.items():
        started = re.findall(r"^ExecStart=\S+/bin/(.+)$", text, re.MULTILINE)[0].split()
        assert started[:3] == commands[name.removeprefix("augmill-")][:3]
        assert "0.0.0.0" not in text


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_the_units(name):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here (Debian: systemd)")
    file = INFRA / "systemd" / f"{name}.service"
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, check=False)
    others = [line for line in done.stderr.splitlines() if "is not executable: No such file" not in line]
    assert others == []


def test_kubectl_puts_the_manifests_together():
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here (Debian: kubernetes-client)")
    command = ["kubectl", "kustomize", INFRA / "kubernetes"]
    made = list(yaml.safe_load_all(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert {one["metadata"].get("namespace", "augmill") for one in made} == {"augmill"}
    assert "Secret" not in {one["kind"] for one in made}
    images = {
        container["image"]
        for one in made
        if one["kind"] in ("Deployment", "StatefulSet")
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"registry.example.com/augmill:0.1.0", SERVICES["postgres"]["image"]}
