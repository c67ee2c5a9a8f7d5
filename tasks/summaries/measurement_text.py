"""What was measured of a published version, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augmill.tasks.documents.figure_text import figure_text


def text(document: Mapping[str, Any]) -> str:
    """One line per figure, and where it was kept."""
    name = f"{document['dataset']}@{document['version']}"
    lines = [_line(check) for check in document["checks"]] or ["its policy has no gate that can be run again"]
    mlflow = document.get("mlflow", {})
    where = f"MLflow run {mlflow['run_id']}" if "run_id" in mlflow else f"not in MLflow yet: {mlflow.get('waits', '')}"
    return "\n".join([f"{name}, measurement {document['number']}", *lines, f"logged   {where}"])


def _line(check: Mapping[str, Any]) -> str:
    word = "ok" if check["success"] else "FAILED" if check["on_failure"] == "fail" else "warning"
    target = f", wanted {check['target']}" if check["target"] else ", no target"
    error = f": {check['error']}" if check.get("error") else ""
    return f"{word:8} {check['name']} {figure_text(check)}{target}{error}"
