import sys

import pytest

from augmill.policies.errors import PolicyError
from augmill.tasks.plugins import Located, discover


@pytest.fixture
def folder(tmp_path):
    def write(path, text):
        file = tmp_path / "plugins" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    write("verifiers/strict.py", "from ._shared import LIMIT\nlimit = LIMIT\n")
    write("verifiers/_shared.py", "LIMIT = 3\n")
    write.root = tmp_path / "plugins"
    return write


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed distribution with entry points, as pip lays it out."""

    def install(points, modules, name="acme"):
        site = tmp_path / f"site_{name}"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
        for module, text in modules.items():
            (site / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(str(site))

    yield install
    for module in [module for module in sys.modules if module.startswith("acme")]:
        del sys.modules[module]


def refusal(call):
    with pytest.raises(PolicyError) as caught:
        call()
    (finding,) = caught.value.findings
    return finding


def test_without_a_folder_there_are_no_plug_ins():
    assert discover("transforms", None) == {}


def test_a_folder_is_listed_without_importing_it(folder):
    folder("verifiers/broken.py", "raise RuntimeError('imported')\n")
    assert list(discover("verifiers", folder.root)) == ["broken", "strict"]
    assert discover("expectations", folder.root) == {}


def test_relative_imports_work_and_nothing_is_put_on_the_path(folder):
    before = list(sys.path)
    assert discover("verifiers", folder.root)["strict"].module.limit == 3
    assert sys.path == before


def test_two_folders_do_not_share_modules(folder, tmp_path):
    other = tmp_path / "other" / "verifiers" / "strict.py"
    other.parent.mkdir(parents=True)
    other.write_text("limit = 9\n")
    assert discover("verifiers", folder.root)["strict"].module.limit == 3
    assert discover("verifiers", tmp_path / "other")["strict"].module.limit == 9


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("x = 1\n\nraise ValueError('no luck')\n", 3, "ValueError: no luck"),
        ("x = 1\ndef f(:\n", 2, "SyntaxError"),
        ("import numpy\nimport nothing_of_this_name\n", 2, "ModuleNotFoundError"),
        ("from ._helper import thing\n", 4, "ZeroDivisionError"),
    ],
)
def test_a_plug_in_that_does_not_import_is_blamed_at_its_line(folder, text, line, what):
    file = folder("verifiers/bad.py", text)
    folder("verifiers/_helper.py", "def thing():\n    pass\n\n1 / 0\n")
    finding = refusal(lambda: discover("verifiers", folder.root)["bad"].module)
    assert finding.line == line
    assert finding.rule == "AUG008"
    assert finding.file in (str(file), str(file.with_name("_helper.py")))
    assert what in finding.message


def test_a_plug_in_may_not_take_the_name_of_a_built_in_one(folder):
    file = folder("transforms/tabular/smote.py", "")
    finding = refusal(lambda: discover("transforms", folder.root, {"tabular.smote"}))
    assert finding.file == str(file)
    assert "has the name of a built-in one" in finding.message


def test_a_name_that_no_policy_could_use_is_refused(folder):
    file = folder("transforms/tabular/My-Transform.py", "")
    finding = refusal(lambda: discover("transforms", folder.root))
    assert (finding.file, "must be called MODALITY.NAME" in finding.message) == (str(file), True)


def test_entry_points_of_installed_packages_are_found_and_imported_by_name(package):
    package("[augmill.transforms]\ntabular.shake = acme_shake\n", {"acme_shake": "KIND = 'shake'\n"})
    found = discover("transforms", None)
    assert list(found) == ["tabular.shake"]
    assert found["tabular.shake"] == Located(
        "transforms", "tabular.shake", "acme_shake", None, "entry point in acme/entry_points.txt"
    )
    assert found["tabular.shake"].module.KIND == "shake"
    assert found["tabular.shake"].file.name == "acme_shake.py"


def test_an_entry_point_that_shadows_is_blamed_at_its_line(package):
    package("[console_scripts]\na = b:c\n\n[augmill.transforms]\ntabular.smote = acme_smote\n", {"acme_smote": ""})
    finding = refusal(lambda: discover("transforms", None, {"tabular.smote"}))
    assert (finding.file, finding.line) == ("acme/entry_points.txt", 5)


def test_one_name_in_two_places_is_refused(package, folder):
    package("[augmill.verifiers]\nstrict = acme_strict\n", {"acme_strict": ""})
    assert "exists twice" in refusal(lambda: discover("verifiers", folder.root)).message


def test_an_entry_point_must_name_a_module_that_exists(package):
    package("[augmill.verifiers]\nstrict = acme_nowhere\n", {})
    finding = refusal(lambda: discover("verifiers", None)["strict"].module)
    assert "acme_nowhere" in finding.message
    package("[augmill.expectations]\nodd = acme_x:thing\n", {"acme_x": ""}, name="acme2")
    assert "must name a module" in refusal(lambda: discover("expectations", None)).message
