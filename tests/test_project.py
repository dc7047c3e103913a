"""The project as a whole: which room may import which, what is tracked, what is packed, and what agrees with what."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from course_utils import paths

ROOT = paths.CHECKOUT
PACKAGE = paths.PACKAGE
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Imports go downwards only. A room is a module of course_utils or a folder of them; a new one gets its floor here.
FLOORS = (
    {"paths"},
    {"kernel", "cards"},
    {"metrics", "data", "classic", "models", "losses"},
    {"plotting", "agreement", "strokes"},
    {"scoreboard", "study", "progress", "training"},
    {"reckoning"},
    {"studies", "pretraining"},
    {"explorers", "checks", "quiz", "publish", "doctor"},
    {"cli"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# What the modules of classic may share with each other.
SHARED = {f"course_utils.classic.{module}" for module in ("filters", "morphology", "mixtures")}
# What the modules of classic may take from scipy: the solvers of sparse systems and eigenproblems.
SOLVERS = {"course_utils.classic.graphs": "scipy.sparse"}
# What the modules of models may share with each other.
PARTS = "course_utils.models.parts"


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def name_of(path):
    """Dotted name of a source file, and whether it is a package's own file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts), parts[-1] == "__init__"


def room_of(module):
    return module.split(".")[1] if "." in module else None


def imports(path):
    """Absolute names of all that a source file imports, wherever in the file, ``from a import b`` as ``a.b`` too."""
    module, is_package = name_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".") if is_package else module.split(".")[:-1]
            above = base[: len(base) - node.level + 1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def by_name(path):
    return name_of(path)[0]


# -- the stairs ---------------------------------------------------------------------------------------


def test_every_room_has_a_floor_and_every_floor_its_rooms():
    rooms = {room_of(by_name(path)) for path in modules()}
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("path", modules(), ids=by_name)
def test_imports_go_downwards_only(path):
    room = room_of(by_name(path))
    for target in imports(path):
        other = room_of(target) if target.startswith("course_utils.") else None
        if other in FLOOR and other != room:
            assert FLOOR[other] < FLOOR[room], f"{by_name(path)} imports {target}, which is not below it"


@pytest.mark.parametrize("path", sorted((PACKAGE / "classic").glob("*.py")), ids=by_name)
def test_classic_needs_numpy_and_the_kernel_alone(path):
    package = by_name(path) == "course_utils.classic"
    for target in imports(path):
        top = target.split(".")[0]
        if top == "course_utils":
            shared = any(target == name or target.startswith(f"{name}.") for name in SHARED)
            named = target in {f"course_utils.classic.{name.split('.')[-1]}" for name in SHARED}
            assert target.startswith("course_utils.kernel") or shared or named or package, target
        elif top == "scipy":
            assert target.startswith(SOLVERS.get(by_name(path), "none")), f"{by_name(path)} imports {target}"
        else:
            assert top == "numpy" or top in sys.stdlib_module_names, f"{by_name(path)} imports {target}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "models").glob("*.py")), ids=by_name)
def test_models_share_their_parts_alone(path):
    between = [target for target in imports(path) if target.startswith("course_utils.models.")]
    assert all(target == PARTS or target.startswith(f"{PARTS}.") for target in between), between


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import course_utils", {"numpy", "torch", "matplotlib", "scipy", "skimage", "numba"}),
        (
            "from course_utils import data, metrics, classic, models",
            {"torch", "matplotlib", "numba", "jupytext"},
        ),
        (
            "from course_utils import checks, explorers, plotting, progress, quiz, scoreboard",
            {"torch", "jupytext"},
        ),
    ],
)
def test_what_an_import_does_not_load(statement, absent):
    code = f"{statement}; import sys; print(*sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


# -- dependencies -------------------------------------------------------------------------------------

# Where conda-forge's name is another one: it splits matplotlib from its Qt, and torch by processor.
CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch-cpu"}


def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_conda_installs_what_pip_installs():
    project = PROJECT["project"]
    needs = map(Requirement, project["dependencies"] + project["optional-dependencies"]["networks"])
    wanted = {CONDA.get(need.name, need.name): need.specifier for need in needs}
    wanted["python"] = SpecifierSet(project["requires-python"])
    listed = [
        entry.partition(" ")
        for entry in environment()["dependencies"]
        if isinstance(entry, str) and entry != "pip"
    ]
    assert {name: SpecifierSet(versions) for name, _, versions in listed} == wanted


def test_conda_takes_the_course_itself_and_nothing_else_from_pip():
    found = environment()
    assert found["channels"] == ["conda-forge"]
    assert [entry for entry in found["dependencies"] if isinstance(entry, dict)] == [{"pip": ["-e ."]}]


def test_binder_finds_its_files():
    assert not (ROOT / "binder").exists()  # Binder would look there and overlook environment.yml
    done = subprocess.run(
        ["git", "ls-files", "-s", "postBuild", ".ci/run"], cwd=ROOT, capture_output=True, text=True
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["100755", "100755"]


def test_the_peers_of_the_races_are_in_no_default_install():
    peers = {Requirement(entry).name for entry in PROJECT["dependency-groups"]["bench"]}
    rest = PROJECT["project"]["dependencies"] + [
        e for e in PROJECT["dependency-groups"]["dev"] if isinstance(e, str)
    ]
    assert peers
    assert not peers & {Requirement(entry).name for entry in rest}


# -- what is tracked ----------------------------------------------------------------------------------


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git clone")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts():
    """(path inside the project, text) of every tracked text file but this one."""
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content and path != Path(__file__):
            yield path.relative_to(ROOT).as_posix(), content.decode("utf-8")


def test_no_lock_file_and_no_registry_address_is_tracked():
    assert not {"uv.lock", "package-lock.json", "poetry.lock"} & {path.name for path in tracked()}
    registry = re.compile(
        r"pypi\.org/simple|files\.pythonhosted|registry\.npmjs|--(extra-)?index-url|anaconda\.org/"
    )
    assert [name for name, text in texts() if registry.search(text)] == []


def test_only_the_ci_script_knows_where_the_real_images_lie():
    assert [name for name, text in texts() if "../shared" in text] == [".ci/run"]


def test_the_public_address_stands_once():
    """Everything else that names it is written from there by the build."""
    address = PROJECT["project"]["urls"]["Repository"]
    written = re.compile(r"README\.md|notebooks/.*\.ipynb")
    assert [name for name, text in texts() if address in text and not written.fullmatch(name)] == [
        "pyproject.toml"
    ]


def test_notebooks_and_data_name_no_folder_of_the_machine_that_made_them():
    folder = re.compile(r"/home/\w|/Users/\w|/root/|/tmp/|[A-Z]:\\\\+Users")
    made = ("notebooks/", "data/", "docs/")
    assert [name for name, text in texts() if name.startswith(made) and folder.search(text)] == []


def test_nothing_tracked_is_heavy():
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size / 1000 for path in tracked()}
    limits = {name: 5000 if name.startswith("data/checkpoints/") else 1000 for name in sizes}  # kB
    assert {name: size for name, size in sizes.items() if size > limits[name]} == {}
    assert sum(size for name, size in sizes.items() if name.startswith("notebooks/")) <= 8000


def test_files_are_utf8_with_plain_line_ends_and_no_stray_spaces():
    rough = re.compile(r"\r|\t$|[ \t]+\n(?!\n*\Z)")
    found = [
        name
        for name, text in texts()
        if name.endswith((".py", ".toml", ".yml", ".js")) and rough.search(text)
    ]
    assert found == []


def test_the_licences_are_there():
    for name, words in {
        "LICENSE": "Redistribution and use in source",
        "LICENSE-TEXTS": "Attribution 4.0",
    }.items():
        assert words in (ROOT / name).read_text(encoding="utf-8")
    assert PROJECT["project"]["license-files"] == ["LICENSE", "LICENSE-TEXTS"]


def test_ci_runs_the_test_command_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install uv && uv run pytest" in readme
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("uv run pytest")


def test_ruff_is_content():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


# -- what is packed -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built and unpacked: what somebody gets who installs the course without a clone."""
    if not shutil.which("uv"):
        pytest.skip("uv is not on the PATH")
    folder = tmp_path_factory.mktemp("wheel")
    command = ["uv", "build", "--wheel", "--offline", "--no-progress", "--out-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_carries_data_and_notebooks(installed):
    for name in ("data", "notebooks"):
        packed = installed / "course_utils" / "bundled" / name
        expected = {path.relative_to(ROOT / name) for path in tracked() if path.is_relative_to(ROOT / name)}
        assert {path.relative_to(packed) for path in packed.rglob("*") if path.is_file()} >= expected
        assert expected


def test_the_course_works_without_a_clone(installed, own_folders):
    code = """
from course_utils import paths
from course_utils.data import photos
from course_utils.publish import building, copies
print(paths.checkout(), photos.load("coins").image.shape, building.address(), len(copies.update()))
"""
    environment = os.environ | {"PYTHONPATH": str(installed), "COURSE_WORK": str(own_folders / "work")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    notebooks = len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert (
        done.stdout.split()
        == f"None (303, 384) {PROJECT['project']['urls']['Repository']} {notebooks}".split()
    )
