"""The house rules that no tool of the trade knows, as checks over every file that is shipped."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("flows", "tasks", "expectations", "policies")
SHIPPED = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
INFRA = sorted((ROOT / "infra").rglob("*.py"))
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
# The run keeps its own books: nothing of what is read here goes into a row or a file name. Durations are free to all.
READ_THE_CLOCK = {"tasks/versions/record.py", "tasks/runs/run.py", "tasks/telemetry/spans.py"}
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}
CLOCKS |= {"datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today"}
SEEDED = {"Generator", "default_rng", "Philox", "PCG64", "SeedSequence", "BitGenerator", "RandomState"}


def of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def nodes(file: Path, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in walked(file) if isinstance(node, kinds))


@cache
def walked(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_bytes())))


def chains(file: Path) -> Iterator[tuple[str, int]]:
    """Each dotted name that is used, as written, with its line."""
    for node in nodes(file, ast.Attribute):
        text = ast.unparse(node)
        if text.replace(".", "").isidentifier():
            yield text, node.lineno


def is_noun(file: Path) -> bool:
    return len(file.relative_to(ROOT).parts) > 2 and of(file).startswith("tasks/")


def test_no_file_is_longer_than_two_files_should_be():
    lines = {of(file): len(file.read_text().splitlines()) for file in [*SHIPPED, *(ROOT / "infra").glob("*.py")]}
    assert {file: count for file, count in lines.items() if count > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{of(file)}:{function.name}": function.end_lineno - function.lineno + 1
        for file in SHIPPED
        for function in nodes(file, ast.FunctionDef, ast.AsyncFunctionDef)
        if function.end_lineno - function.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_only_the_settings_read_the_environment():
    """Setting a variable for libraries and for children is no reading."""
    readers = set()
    for file in SHIPPED:
        source = file.read_text()
        used = sum(name in ("os.environ", "os.getenv") for name, _ in chains(file)) + source.count("from os import")
        written = sum(source.count(f"os.environ.{verb}(") for verb in ("update", "pop", "setdefault"))
        written += sum(
            isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "os.environ"
            for node in nodes(file, ast.Subscript)
        )
        if used > written:
            readers.add(of(file))
    assert readers == {"flows/settings.py"}


def test_nouns_read_no_clock():
    readers = {of(file) for file in SHIPPED if is_noun(file) for name, _ in chains(file) if name in CLOCKS}
    assert readers <= READ_THE_CLOCK


def test_no_draw_comes_from_a_global_generator():
    used = [
        f"{of(file)}:{line}: {name}"
        for file in SHIPPED
        for name, line in chains(file)
        if name.startswith(("np.random.", "numpy.random.")) and name.split(".")[2] not in SEEDED
    ]
    assert used == []


def test_nothing_that_is_read_can_run_code():
    """No pickle, no marshal, no YAML but the bounded reader's, no eval; what crosses to workers is the engines' own."""
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "ruamel"}
    loaders = ("yaml.load", "yaml.safe_load", "yaml.full_load", "yaml.unsafe_load", "mlflow.pyfunc", "mlflow.sklearn")
    found = []
    for file in SHIPPED:
        names = [alias.name for node in nodes(file, ast.Import) for alias in node.names]
        names += [node.module or "" for node in nodes(file, ast.ImportFrom)]
        found += [f"{of(file)}: {name}" for name in names if name.split(".")[0] in modules]
        found += [f"{of(file)}:{line}: {name}" for name, line in chains(file) if name.startswith(loaders)]
        for call in nodes(file, ast.Call):
            name, given = ast.unparse(call.func), {one.arg: ast.unparse(one.value) for one in call.keywords}
            runs = name in ("eval", "exec", "compile", "__import__") or "shell" in given
            pickled = name in ("np.load", "numpy.load") and given.get("allow_pickle") != "False"
            found += [f"{of(file)}:{call.lineno}: {name}"] if runs or pickled else []
    assert found == []


def test_whatever_is_printed_goes_through_the_one_function_that_disarms_it():
    """A class may be called after a sequence that clears the screen."""
    printing = ("click.echo", "click.secho", "print", "sys.stdout.write")
    found = [
        f"{of(file)}:{call.lineno}"
        for file in SHIPPED
        for call in nodes(file, ast.Call)
        if ast.unparse(call.func) in printing and of(file) != "flows/console.py"
    ]
    assert found == []


def test_nothing_is_left_for_later_and_no_input_is_checked_by_assert():
    later = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    left = [f"{of(file)}: {word}" for file in SHIPPED for word in later if word in file.read_text()]
    left += [f"{of(file)}:{node.lineno}: assert" for file in SHIPPED for node in nodes(file, ast.Assert)]
    left += [
        f"{of(file)}:{node.lineno}: {ast.unparse(node)}"
        for file in SHIPPED
        for node in nodes(file, ast.Raise)
        if node.exc is not None and ast.unparse(node.exc).startswith("NotImplementedError")
    ]
    assert left == []


def test_every_argument_and_every_answer_has_a_type_and_every_module_a_docstring():
    bare = [
        of(file)
        for file in SHIPPED
        if file.read_text().strip() and ast.get_docstring(ast.parse(file.read_text())) is None
    ]
    for file in SHIPPED:
        for function in nodes(file, ast.FunctionDef, ast.AsyncFunctionDef):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            untyped = [
                each.arg for each in arguments if each.annotation is None and each.arg not in ("self", "cls", "_")
            ]
            if untyped or function.returns is None:
                bare.append(f"{of(file)}:{function.name}({', '.join(untyped)})")
    assert bare == []


def test_infra_imports_nothing_of_the_product():
    imported = [
        f"{of(file)}: {name}"
        for file in (ROOT / "infra").rglob("*.py")
        if of(file) != "infra/checkout/augmill/__init__.py"  # which is the product's own
        for node in nodes(file, ast.Import, ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [item.name for item in node.names])
        if name.split(".")[0] in {"augmill", *PACKAGES}
    ]
    assert imported == ["infra/try_wheel.py: augmill.policies"]  # to see that the installed one is used


def test_no_two_test_modules_share_a_path_and_none_hides_in_a_package():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_top_level_holds_what_it_should():
    done = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    folders = {name.partition("/")[0] for name in done.stdout.splitlines() if "/" in name}
    assert {name for name in folders if not name.startswith(".")} == {*PACKAGES, "tests", "infra"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_with_code_is_a_package(package):
    folders = {file.parent for file in (ROOT / package).rglob("*.py")}
    assert [of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


# Words that say of a thing that it was met, not what it is. Two names are keys of documents that are stored.
VAGUE = {"one", "found", "made", "told", "asked", "seen", "shown", "known", "there", "here", "mine", "ours", "theirs"}
VAGUE |= {"said", "given", "wanted", "whole", "apart", "kept", "gone", "left", "held", "met", "meant", "named", "drawn"}
MOST_VAGUE_SHARE = 0.005


def assigned_names(file: Path) -> Iterator[tuple[str, int]]:
    for node in nodes(file, ast.Name, ast.arg):
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def test_names_say_what_things_are():
    names = [(name, f"{of(file)}:{line}") for file in [*SHIPPED, *INFRA] for name, line in assigned_names(file)]
    vague = [f"{place} {name}" for name, place in names if name in VAGUE]
    assert len(names) > 10_000
    assert len(vague) <= MOST_VAGUE_SHARE * len(names), "rename to the field's term for the thing:\n" + "\n".join(vague)
