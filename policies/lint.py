"""Judge a policy by the rules in `policies/rules/`; the same call serves `lint`, `plan` and `run`."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path as File

from augmill.policies.data_facts import DataFacts
from augmill.policies.errors import Finding, PolicyError
from augmill.policies.load import Catalogue, Loaded
from augmill.policies.names import did_you_mean
from augmill.policies.rules.reading import DOCS
from augmill.policies.rules.rule_context import Context, Hit
from augmill.policies.yaml_source import Path

Rule = Callable[[Context], Iterator[Hit]]

_RULES = File(__file__).parent / "rules"
MOST_ALIKE = 5
_NOQA = re.compile(r"#\s*noqa:\s*(AUG\d{3}(?:\s*,\s*AUG\d{3})*)[\s:-]*(.*)$")


@cache
def rules() -> dict[str, Rule]:
    """Every rule that judges a policy as a whole, by code, found in the files of `policies/rules/`."""
    rules_by_code: dict[str, Rule] = {}
    for file in sorted(_RULES.glob("[!_]*.py")):
        module = importlib.import_module(f"augmill.policies.rules.{file.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if re.match(r"aug\d{3}_", name):
                rules_by_code[name[:6].upper()] = function
    return dict(sorted(rules_by_code.items()))


def lint(loaded: Loaded, catalogue: Catalogue, facts: DataFacts | None = None) -> list[Finding]:
    """Every finding, sorted by line. With `facts`, the rules that need figures of the data run as well."""
    context = Context(loaded, catalogue, facts)
    findings = [_finding(loaded, code, hit) for code, rule in rules().items() for hit in _first(rule(context))]
    return sorted(_suppress(loaded, findings, every_rule_ran=facts is not None))


def explain(code: str) -> str:
    """What a rule finds, why that matters, how to mend it, and an example. Raises PolicyError if unknown."""
    texts = explanations()
    code = code.upper()
    if code not in texts:
        raise PolicyError(f"There is no rule {code}.", did_you_mean(code, texts))
    return f"{code}: {texts[code]}"


def explanations() -> dict[str, str]:
    """The explanation of every code there is, sorted."""
    texts = {code: inspect.cleandoc(text) for code, text in DOCS.items()}
    texts |= {code: inspect.getdoc(rule) or "" for code, rule in rules().items()}
    return dict(sorted(texts.items()))


def _first(hits: Iterable[Hit]) -> Iterator[Hit]:
    """The hits; of many at one place, one per class of a thousand, the first few and how many more there are."""
    at: dict[Path, list[Hit]] = {}
    for hit in hits:
        at.setdefault(hit.path, []).append(hit)
    for alike in at.values():
        yield from alike[:MOST_ALIKE]
        more = len(alike) - MOST_ALIKE
        if more > 0:
            worst = min(alike[MOST_ALIKE:], key=lambda hit: hit.severity != "error")
            yield replace(worst, message=f"the same is true of {more:,} more, which are not listed.", remedy="")


def _finding(loaded: Loaded, code: str, hit: Hit) -> Finding:
    where = ".".join(str(part) for part in hit.path)
    return Finding(loaded.display_path, loaded.line_of(hit.path), code, hit.message, hit.remedy, where, hit.severity)


def _suppress(loaded: Loaded, findings: Iterable[Finding], *, every_rule_ran: bool) -> Iterator[Finding]:
    remarks = _remarks(loaded.text)
    used: set[tuple[int, str]] = set()
    for finding in findings:
        at = (finding.line, finding.rule)
        if remarks.get(at):
            used.add(at)
        else:
            yield finding
    for (line, code), reason in remarks.items():
        if not reason:
            why, remedy = f"{code} is suppressed without a reason, so it is not.", f"Write `# noqa: {code} reason`."
        elif code not in rules():
            why, remedy = f"there is no rule {code} to suppress.", did_you_mean(code, rules())
        elif every_rule_ran and (line, code) not in used:
            why, remedy = f"{code} finds nothing on this line.", "Remove the comment."
        else:
            continue
        yield Finding(loaded.display_path, line, "AUG500", why, remedy, severity="warning")


def _remarks(text: str) -> dict[tuple[int, str], str]:
    return {
        (number, code.strip()): match.group(2).strip()
        for number, line in enumerate(text.splitlines(), 1)
        if (match := _NOQA.search(line))
        for code in match.group(1).split(",")
    }
