"""What users install: the wheel, built from the source distribution, in an environment of its own.

The libraries come from the environment that runs the tests; the product itself does not: its
checkout is not on the path.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import auditor
from tests.conftest import FindCluster

ROOT = Path(__file__).parent.parent
LIBRARIES = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution from the tree, and the wheel from the source distribution."""
    folder = tmp_path_factory.mktemp("distributions")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    """Return the one wheel that was built."""
    (path,) = distributions.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a fresh environment and return its command."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True)
    # Libraries are found after the environment's own packages, and a plain entry in a .pth file
    # does not run the .pth files of that folder: the editable checkout stays out of sight.
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    (Path(own) / "libraries.pth").write_text(f"{LIBRARIES}\n", encoding="utf-8")
    return folder / "bin" / "netpol-auditor"


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder that holds nothing, with nothing of the checkout on Python's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def files_of(folder: str, *suffixes: str) -> list[str]:
    """Return the tree's files under a folder, relative to it: all, or those with these suffixes."""
    found = (
        path.relative_to(ROOT / folder)
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and (not suffixes or path.suffix in suffixes)
    )
    return sorted(path.as_posix() for path in found if "__pycache__" not in path.parts)


def test_the_wheel_holds_the_templates(wheel: Path) -> None:
    """Every template of the tree lies in ``reports/_templates``."""
    prefix = "reports/_templates/"
    names = zipfile.ZipFile(wheel).namelist()
    packed = sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))
    expected = files_of("templates")
    assert expected, "the tree holds no template"
    assert expected == packed


@pytest.mark.parametrize("package", ["auditor", "reports"])
def test_the_wheel_holds_code_data_and_the_types_marker(wheel: Path, package: str) -> None:
    """Python files, data files and ``py.typed`` of both packages are all there."""
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"{package}/{name}" for name in files_of(package, ".py", ".yaml", ".typed")}
    assert f"{package}/py.typed" in expected
    assert set() == expected - names


def test_the_wheel_holds_the_data_that_detection_reads(wheel: Path) -> None:
    """Detection is data: its files travel in the wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    packed = [
        name for name in names if name.startswith("auditor/detection/") and name.endswith(".yaml")
    ]
    assert packed, "auditor/detection has no data in the wheel"


def test_the_wheel_holds_only_the_product(wheel: Path) -> None:
    """Neither tests nor anything else that another project could also install lies at the top."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/", 1)[0] for name in names}
    assert {"auditor", "reports", f"netpol_auditor-{auditor.__version__}.dist-info"} == tops


def test_the_source_distribution_holds_what_the_wheel_is_made_of(distributions: Path) -> None:
    """Templates, tests, licence and settings travel with the source."""
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        tops = {name.split("/")[1] for name in source.getnames() if "/" in name}
    expected = {"auditor", "reports", "templates", "tests", "LICENSE", "pyproject.toml"}
    assert set() == expected - tops


@pytest.mark.usefixtures("empty_folder")
def test_the_installed_code_is_the_wheels(command: Path) -> None:
    """The environment imports what the wheel brought, not the checkout."""
    code = "import auditor, reports; print(auditor.__file__); print(reports.__file__)"
    python = command.with_name("python")
    ran = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    folder = command.parent.parent
    assert [True, True] == [Path(line).is_relative_to(folder) for line in ran.stdout.split()]


@pytest.mark.usefixtures("empty_folder")
def test_the_command_states_its_version(command: Path) -> None:
    """``netpol-auditor --version`` prints the version of the package."""
    ran = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert auditor.__version__ in ran.stdout.split()


def test_the_command_audits_from_an_empty_folder(
    command: Path, cluster: FindCluster, empty_folder: Path
) -> None:
    """The main job needs nothing but the wheel, its libraries and manifests."""
    ran = subprocess.run(
        [command, "audit", "-f", cluster("shop"), "-o", "out"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(empty_folder)},
    )
    assert ran.returncode == 0, ran.stderr
    written = {path.name for path in (empty_folder / "out").iterdir()}
    assert set() == {"findings.csv", "report.html", "report.json", "report.pdf"} - written
    report = json.loads((empty_folder / "out" / "report.json").read_bytes())
    assert report["schema"] == "netpol-auditor/report/v1"
    assert report["findings"], "the scenario's seeded faults are found"
