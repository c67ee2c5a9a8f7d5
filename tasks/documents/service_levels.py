"""Service levels of one run, computed from its document. What was not measured says so; it is never zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from augmill.tasks.documents.version_document import SliDocument, VersionDocument

TARGETS: Mapping[str, float] = {
    "augmentation_success_rate": 0.995,
    "sample_validity": 0.999,
    "label_consistency": 0.99,
    "model_delta": 0.0,
    "drift_coverage": 0.8,
}
"""At least this much is wanted. Other service levels have no target until the caller gives one."""

AT_MOST = ("latency_", "storage_increase", "cost_", "privacy_risk")
"""Names that begin so are better when smaller: their target is an upper bound."""


def measure(document: VersionDocument, targets: Mapping[str, float] | None = None) -> list[SliDocument]:
    """Every service level of the run, in a fixed order. `targets` add to and override `TARGETS`."""
    target_by_name = {**TARGETS, **_policy_targets(document), **(targets or {})}
    return [
        _service_level(name, observed, target_by_name.get(name), unit) for name, observed, unit in _levels(document)
    ]


def _levels(document: VersionDocument) -> Iterator[tuple[str, float | None, str]]:
    yield "augmentation_success_rate", _success(document), "share"
    yield "sample_validity", _validity(document), "share"
    yield "label_consistency", _consistency(document), "share"
    for timing in document.get("latency", []):
        yield f"latency_p50/{timing['use']}", timing["p50_ms"], "ms"
        yield f"latency_p95/{timing['use']}", timing["p95_ms"], "ms"
        yield f"latency_p99/{timing['use']}", timing["p99_ms"], "ms"
    yield "storage_increase", _storage_increase(document), "share"
    yield "model_delta", _check_figure(document, "model_delta"), "metric"
    yield "privacy_score", _privacy(document), "score"
    yield "drift_coverage", _check_figure(document, "drift_coverage"), "share"
    yield from _cost(document)


def _success(document: VersionDocument) -> float | None:
    steps = [step for step in document.get("steps", []) if "planned" in step and "made" in step]
    return _share(sum(step["made"] for step in steps), sum(step["planned"] for step in steps))


def _validity(document: VersionDocument) -> float | None:
    rows = document.get("rows", {})
    if "real" not in rows or "quarantined" not in rows:
        return None
    return _share(rows["real"], rows["real"] + rows["quarantined"])


def _consistency(document: VersionDocument) -> float | None:
    steps = [step for step in document.get("steps", []) if "judged" in step and "contradicted" in step]
    contradicted = _share(sum(step["contradicted"] for step in steps), sum(step["judged"] for step in steps))
    return _check_figure(document, "label_consistency") if contradicted is None else 1.0 - contradicted


def _privacy(document: VersionDocument) -> float | None:
    """One minus the membership advantage: 1 where no training row can be told from a held-out one, 0 where all can."""
    advantage = _check_figure(document, "membership_advantage")
    return None if advantage is None else 1.0 - max(0.0, advantage)


def _storage_increase(document: VersionDocument) -> float | None:
    storage = document.get("storage", {})
    if "real_bytes" not in storage or "total_bytes" not in storage:
        return None
    return _share(storage["total_bytes"] - storage["real_bytes"], storage["real_bytes"])


def _cost(document: VersionDocument) -> Iterator[tuple[str, float | None, str]]:
    usage = document.get("usage", {})
    cpu, price = usage.get("cpu_seconds"), usage.get("price_per_cpu_hour")
    yield "cost_cpu_seconds", cpu, "s"
    yield "cost_bytes_written", usage.get("bytes_written", document.get("storage", {}).get("new_bytes")), "bytes"
    money = None if cpu is None or price is None else cpu / 3600.0 * price
    yield "cost_money", money, usage.get("currency", "money")


def _check_figure(document: VersionDocument, name: str) -> float | None:
    for check in document.get("checks", []):
        observed = check.get("observed")
        if check["name"] == name and isinstance(observed, int | float) and not isinstance(observed, bool):
            return float(observed)
    return None


def _policy_targets(document: VersionDocument) -> dict[str, float]:
    min_rate = document.get("policy", {}).get("checks", {}).get("label_consistency", {}).get("min_rate")
    return {} if min_rate is None else {"label_consistency": float(min_rate)}


def _share(part: float, total: float) -> float | None:
    return part / total if total > 0 else None


def _service_level(name: str, observed: float | None, target: float | None, unit: str) -> SliDocument:
    ok = None
    if observed is not None and target is not None:
        ok = observed <= target if name.startswith(AT_MOST) else observed >= target
    return {"name": name, "observed": observed, "target": target, "ok": ok, "unit": unit}
