import pickle
import subprocess
import sys

import pytest
from pydantic import ValidationError

from augmill.policies.errors import PolicyError
from augmill.tasks.transforms import catalogue
from augmill.tasks.transforms.catalogue import HERE, Catalogue

JITTER = '''"""Shakes every number a little."""

from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters


class Params(Parameters):
    """How much."""

    amount_range: tuple[float, float] = (0.0, 1.0)


ACCEPTS = Accepts(missing="kept")
BEHAVIOUR = Behaviour()


def risks(params):
    return {"extreme": "shakes hard"} if params.amount_range[1] > 2 else {}
'''


@pytest.fixture
def plugins(tmp_path):
    folder = tmp_path / "plugins" / "transforms" / "tabular"
    folder.mkdir(parents=True)
    (folder / "jitter.py").write_text(JITTER)
    return tmp_path / "plugins"


def test_the_catalogue_is_the_file_system():
    names = Catalogue().names()
    assert names == sorted(f"{file.parent.name}.{file.stem}" for file in HERE.glob("*/*.py") if file.stem[0] != "_")
    assert "tabular.smote" in names
    assert Catalogue().names("image") == [name for name in names if name.startswith("image.")]
    assert Catalogue().modalities() == ["image", "tabular"]


def test_an_entry_says_what_its_file_declares():
    entry = Catalogue().find("tabular.smote")
    assert (entry.use, entry.modality, entry.file) == ("tabular.smote", "tabular", HERE / "tabular" / "smote.py")
    assert entry.behaviour.origin == "synthetic"
    assert entry.accepts.missing == "refused"
    assert entry.summary.startswith("Puts a new row at a random point of the line")
    assert entry.parameters({"k_neighbors": 3}).k_neighbors == 3
    assert entry.risks(entry.parameters({})) == {}


def test_parameters_take_lists_for_pairs_and_refuse_the_rest():
    entry = Catalogue().find("image.rotate")
    wide = entry.parameters({"angle_degrees_range": [-90, 90]})
    assert wide.angle_degrees_range == (-90.0, 90.0)
    assert entry.risks(wide) == {"orientation": "turns by up to 90 degrees"}
    with pytest.raises(ValidationError):
        entry.parameters({"angle_degrees_range": "wide"})


@pytest.mark.parametrize(("use", "near"), [("tabular.smot", "tabular.smote"), ("image.smote", "tabular.smote")])
def test_near_misses_are_suggested(use, near):
    with pytest.raises(PolicyError) as caught:
        Catalogue().find(use)
    assert near in caught.value.remedy


def test_listing_and_finding_import_no_heavy_library():
    code = (
        "import sys; from augmill.tasks.transforms.catalogue import Catalogue; c = Catalogue();"
        "[c.find(n).summary for n in c.names()];"
        "heavy = {'cv2', 'albumentations', 'sklearn', 'imblearn', 'pandas', 'pyarrow', 'prefect'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE.parents[1])
    assert done.stdout.strip() == "[]"


def test_a_plug_in_is_found_beside_the_built_in_ones(plugins):
    catalogue = Catalogue(plugins)
    assert "tabular.jitter" in catalogue.names("tabular")
    entry = catalogue.find("tabular.jitter")
    assert entry.summary == "Shakes every number a little."
    assert entry.risks(entry.parameters({"amount_range": [0, 3]})) == {"extreme": "shakes hard"}


def test_an_entry_travels_to_another_process_as_text(plugins):
    packed = pickle.dumps(Catalogue(plugins).find("tabular.jitter"))
    code = (
        "import pickle, sys; entry = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "print(entry.use, entry.parameters({'amount_range': [1, 2]}).amount_range)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, packed.hex()], capture_output=True, text=True, check=True, cwd=HERE.parents[1]
    )
    assert done.stdout.strip() == "tabular.jitter (1.0, 2.0)"
    assert pickle.loads(pickle.dumps(Catalogue(plugins))) == Catalogue(plugins)


def test_a_plug_in_that_lacks_a_declaration_is_named_with_its_file(plugins):
    file = plugins / "transforms" / "tabular" / "bare.py"
    file.write_text('"""Does nothing."""\nBEHAVIOUR = None\n')
    with pytest.raises(PolicyError) as caught:
        Catalogue(plugins).find("tabular.bare")
    (finding,) = caught.value.findings
    assert (finding.file, finding.line, finding.rule) == (str(file), 1, "AUG008")
    assert "Params" in finding.message
    assert "ACCEPTS" in finding.message
    assert "docstring" not in finding.message


def test_a_modality_is_found_and_a_missing_one_is_named():
    assert Catalogue().modality("tabular").module_name == "augmill.tasks.modalities.tabular"
    with pytest.raises(PolicyError, match="no modality called tabluar"):
        Catalogue().modality("tabluar")


def modality_without(folder, *names):
    """A plug-in modality that is the one of tables, but for some names."""
    file = folder / "modalities" / "ledger.py"
    file.parent.mkdir(parents=True)
    lines = ['"""Rows of a ledger."""', "from augmill.tasks.modalities.tabular import *"]
    file.write_text("\n".join([*lines, *(f"del {name}" for name in names)]) + "\n")
    return file


def test_a_modality_that_lacks_functions_is_named_with_its_file_and_each_of_them(tmp_path):
    file = modality_without(tmp_path, "tally", "bounds", "POOLED", "warm")
    with pytest.raises(PolicyError) as caught:
        Catalogue(tmp_path).modality("ledger")
    (finding,) = caught.value.findings
    assert (finding.file, finding.line, finding.rule) == (str(file), 1, "AUG008")
    lacks = "POOLED (a constant), tally (a function), bounds (a function)"
    assert finding.message == f"The modality ledger lacks {lacks}."
    assert "tasks/modalities/modality_contract.py" in finding.remedy


def test_a_modality_may_do_without_what_is_only_asked_for(tmp_path):
    modality_without(tmp_path, "warm")
    assert Catalogue(tmp_path).modality("ledger").module.__doc__ == "Rows of a ledger."


def test_an_expectation_is_one_file_in_the_folder_of_expectations(tmp_path, monkeypatch):
    assert Catalogue().custom() == sorted(file.stem for file in catalogue.EXPECTATIONS.glob("expect_*.py"))
    monkeypatch.setattr(catalogue, "EXPECTATIONS", tmp_path)
    (tmp_path / "expect_moon.py").write_text('"""Whether there is a moon."""\n')
    (tmp_path / "shared.py").write_text("")
    assert Catalogue().custom() == ["expect_moon"]
