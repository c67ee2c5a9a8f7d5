"""Cached work follows the code: a change of behaviour changes the hash of every stage that reaches it, and no other."""

import ast
import inspect
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path

import pytest

from augmill.tasks.code_version import closure as closure_module
from augmill.tasks.code_version.closure import ROOT, Closure, Sources, code_version
from augmill.tasks.pipeline import run_until
from augmill.tasks.plugins import Located
from augmill.tasks.runners.thread import Runner
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.runs.run import Run
from augmill.tasks.stages import augment, fit, ingest, profile, split, validate, verify
from tests.end_to_end.helpers import GOOD, SMOTE, policy, write_csv

TABULAR = ("augmill.tasks.modalities.tabular", "?")
SMOTE_FILE = ("augmill.tasks.transforms.tabular.smote", "*")
CONFORMAL = ("augmill.tasks.verifiers.conformal", "*")
STAGES = "augmill.tasks.stages"
# What each stage's objects are named by, as the stages themselves say it.
ROOTS = {
    "scan": [(f"{STAGES}.ingest", "scan_unit")],
    "ingest": [(f"{STAGES}.ingest", "ingest_unit")],
    "validate": [(f"{STAGES}.validate", "validate_shard"), TABULAR, ("augmill.expectations.*", "*")],
    "split": [(f"{STAGES}.split", "seal")],
    "profile": [(f"{STAGES}.profile", "look_at"), ("augmill.tasks.runs.row_index", "write_index"), TABULAR],
    "fit": [(f"{STAGES}.fit", "fit_step"), (f"{STAGES}.augment", "make_children"), TABULAR, SMOTE_FILE],
    "verifier": [(f"{STAGES}.fit_verifier", "fit_verifier"), CONFORMAL, TABULAR],
    "augment": [(f"{STAGES}.augment", "make_children"), TABULAR, SMOTE_FILE],
    "verify": [(f"{STAGES}.verify", "verify_shard"), CONFORMAL, TABULAR],
}
PACKAGES = ("flows", "tasks", "expectations", "policies")


def closures(root=ROOT):
    """The closure of every stage; what was read of files that have not changed since comes from a cache."""
    sources = Sources(root, cache=root / "code.json" if root != ROOT else None)
    by_stage = {stage: Closure(sources) for stage in ROOTS}
    for stage, closure in by_stage.items():
        closure.add(ROOTS[stage])
    sources.save()
    return by_stage


def digests(root=ROOT):
    return {stage: closure.digest() for stage, closure in closures(root).items()}


@pytest.fixture(scope="module")
def shipped():
    return closures()


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The packages in a folder of their own, to be changed."""
    root = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="module")
def before(copy):
    return digests(copy)


def changed(copy, before, file, text):
    """The stages whose hash differs while a file holds other text."""
    path = copy / file
    original = path.read_text()
    path.write_text(text)
    try:
        after = digests(copy)
    finally:
        path.write_text(original)
    return {stage for stage in ROOTS if after[stage] != before[stage]}


def with_statement(text, function):
    """The text with one more statement in a function, before its last one."""
    node = next(node for node in ast.parse(text).body if getattr(node, "name", "") == function)
    lines = text.splitlines(keepends=True)
    at = node.body[-1].lineno - 1
    return "".join([*lines[:at], " " * node.body[-1].col_offset + 'len("")\n', *lines[at:]])


MAKING = {"fit", "augment"}


@pytest.mark.parametrize(
    ("file", "function", "stages"),
    [
        ("tasks/transforms/tabular/smote.py", "apply", MAKING),
        ("tasks/transforms/tabular/adasyn.py", "apply", set()),
        ("tasks/sources/from_csv.py", "read", {"scan", "ingest"}),
        ("tasks/verifiers/kernel_ridge.py", "similarity", {"verifier", "verify"}),
        ("tasks/lineage/payload.py", "metrics", set()),
        ("tasks/html_pages/validation_html.py", "render", set()),
        ("tasks/gates/privacy.py", "judge", set()),
        ("flows/settings.py", "settings", set()),
    ],
)
def test_a_change_reaches_exactly_the_stages_that_use_it(copy, before, file, function, stages):
    assert changed(copy, before, file, with_statement((copy / file).read_text(), function)) == stages


def test_the_factor_that_once_went_unnoticed_is_noticed(copy, before):
    """`uniforms` draws for every transform: half of it must make the children anew, and the rows they come from not."""
    tree = ast.parse((copy / "tasks/rows/randomness.py").read_text())
    function = next(node for node in tree.body if getattr(node, "name", "") == "uniforms")
    returned = function.body[-1]
    returned.value = ast.BinOp(ast.Constant(0.5), ast.Mult(), returned.value)
    stages = changed(copy, before, "tasks/rows/randomness.py", ast.unparse(ast.fix_missing_locations(tree)))
    assert stages >= MAKING
    assert not stages & {"scan", "ingest", "validate", "split"}


@pytest.mark.parametrize("file", ["tasks/rows/randomness.py", "tasks/stages/augment.py", "tasks/storage/parquet.py"])
def test_comments_docstrings_and_layout_change_nothing(copy, before, file):
    text = (copy / file).read_text()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Expr(ast.Constant("Something else."))
    rewritten = "# A comment.\n" + ast.unparse(ast.fix_missing_locations(tree)) + "\n# Another one.\n"
    assert rewritten != text
    assert changed(copy, before, file, rewritten) == set()


def mutants(copy):
    """A number in a function of every file in turn, made one larger, with the definition that it stands in."""
    for file in sorted((copy / "tasks").rglob("*.py")):
        text = file.read_text()
        for node in ast.parse(text).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            numbers = [
                part
                for part in ast.walk(ast.Module(node.body, []))
                if isinstance(part, ast.Constant) and type(part.value) is int and part.lineno == part.end_lineno
            ]
            if numbers:
                yield file, node.name, numbers[0]
                break


def test_of_mutants_all_over_the_code_each_changes_exactly_the_stages_whose_closure_holds_it(copy, before):
    by_stage = closures(copy)
    tried = 0
    for file, function, number in list(mutants(copy))[::18]:
        module = ".".join(["augmill", *file.relative_to(copy).with_suffix("").parts])
        holding = {stage for stage, closure in by_stage.items() if (module, function) in closure.reached}
        text = file.read_text()
        lines = text.splitlines(keepends=True)
        line = lines[number.lineno - 1].encode()
        larger = f"({number.value} + 1)".encode()
        lines[number.lineno - 1] = (line[: number.col_offset] + larger + line[number.end_col_offset :]).decode()
        file.write_text("".join(lines))
        try:
            after = digests(copy)
        finally:
            file.write_text(text)
        differing = {stage for stage in after if after[stage] != before[stage]}
        assert differing == holding, (file, function)
        tried += 1
    assert tried >= 5


class Trace:
    """Every function of ours that is entered while a stage's worker functions run, seen from the interpreter."""

    def __init__(self):
        self.entered = set()

    def __call__(self, frame, event, _):
        code = frame.f_code
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # bodies of classes and modules run when they are imported
        if event == "call" and is_function and code.co_filename.startswith(str(ROOT)):
            file = Path(code.co_filename).relative_to(ROOT)
            if file.parts[0] in PACKAGES and "<" not in code.co_qualname.partition(".<locals>")[0]:
                module = ".".join(["augmill", *file.with_suffix("").parts]).removesuffix(".__init__")
                self.entered.add((module, code.co_qualname.partition(".<locals>")[0]))


# What carries work to a worker and back, and names objects, decides no byte of them.
CARRIERS = (
    "augmill.tasks.runners.",
    "augmill.tasks.telemetry.",
    "augmill.tasks.code_version.",
    "augmill.tasks.plugins",
)


WORKERS = {
    "scan": (ingest, "scan_unit"),
    "ingest": (ingest, "ingest_unit"),
    "validate": (validate, "validate_shard"),
    "split": (split, "seal"),
    "profile": (profile, "look_at"),
    "fit": (fit, "fit_step"),
    "verifier": (fit, "fit_verifier"),
    "augment": (augment, "make_children"),
    "verify": (verify, "verify_shard"),
}


def test_whatever_a_worker_function_calls_is_in_its_closure(tmp_path, monkeypatch, shipped):
    """The closure is read from the source; this looks at what really runs, and so does not believe the reader."""
    write_csv(tmp_path / "data" / "a.csv", GOOD)
    file = policy(tmp_path, "data/*.csv", SMOTE)
    request = resolve_request(file, lake=str(tmp_path / "lake"), home=tmp_path / "home")
    traces = {stage: Trace() for stage in WORKERS}
    for stage, (module, name) in WORKERS.items():
        monkeypatch.setattr(module, name, traced(getattr(module, name), traces[stage]))
    with Runner(1) as runner:
        run_until("verify", Run(request, runner, "", "test"))
    for stage, trace in traces.items():
        assert trace.entered, f"nothing was seen of {stage}: the instrument does not work"
        called = {place for place in trace.entered if not place[0].startswith(CARRIERS)}
        assert called - set(shipped[stage].reached) == set(), stage


def traced(function, trace):
    @wraps(function)
    def call(*arguments):
        sys.setprofile(trace)
        try:
            return function(*arguments)
        finally:
            sys.setprofile(None)

    return call


def test_plug_ins_count_with_what_they_import_and_not_with_where_they_lie(tmp_path):
    def version_of(folder):
        part = Located("transforms", "tabular.jitter", f"augmill_plugins_{folder.name}.tabular.jitter", str(folder))
        sources = Sources(others={f"augmill_plugins_{folder.name}": folder})
        closure = Closure(sources)
        closure.add([(part.module_name, "*")])
        return closure.digest()

    def write(name, shared="x = 1", other="y = 1"):
        folder = tmp_path / name
        (folder / "tabular").mkdir(parents=True)
        (folder / "tabular" / "jitter.py").write_text("from . import _shared\n\ndef apply():\n    return _shared.x\n")
        (folder / "tabular" / "_shared.py").write_text(shared + "\n")
        (folder / "tabular" / "other.py").write_text(other + "\n")
        return version_of(folder)

    first = write("here")
    assert write("elsewhere") == first
    assert write("other", other="y = 2") == first
    assert write("shared", shared="x = 2") != first


def test_what_was_read_is_kept_and_read_anew_when_a_file_changes(tmp_path, copy):
    cache = tmp_path / "home" / "code.json"
    names = []

    def digest():
        sources = Sources(copy, cache=cache)
        closure = Closure(sources)
        closure.add(ROOTS["split"])
        names.append(sources._is_newer)
        sources.save()
        return closure.digest()

    first = digest()
    assert digest() == first
    assert names == [True, False]
    file = copy / "tasks" / "stages" / "split.py"
    text = file.read_text()
    file.write_text(text.replace("table.num_rows", "table.num_rows + 0", 1))
    try:
        assert digest() != first
    finally:
        file.write_text(text)
    cache.write_text("{")
    assert digest() == first


def test_threads_that_ask_at_once_get_the_same_answer():
    roots = [f"{STAGES}.augment:make_children", f"{STAGES}.verify:verify_shard", f"{STAGES}.split:seal"]
    alone = [code_version([root]) for root in roots]
    for _ in range(3):
        closure_module._code_version.cache_clear()
        closure_module._sources.cache_clear()
        with ThreadPoolExecutor(6) as threads:
            together = list(threads.map(lambda root: code_version([root]), roots * 2))
        assert together == alone * 2


def test_the_version_of_a_library_counts(monkeypatch, shipped):
    plain = shipped["split"].digest()
    monkeypatch.setattr(closure_module, "library_version", lambda name: "0")
    assert shipped["split"].digest() != plain


def test_roots_are_given_as_functions_or_names():
    from augmill.tasks.stages.split import seal

    assert code_version([seal]) == code_version([f"{STAGES}.split:seal"])
    assert code_version([seal, f"{STAGES}.ingest:scan_unit"]) != code_version([seal])
