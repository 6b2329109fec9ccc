"""What must hold of the repository as a whole."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("service", "monitoring", "model_store")
# Spelled in pieces, so that this file does not contain what it looks for.
REGISTRY_HOSTS = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "file:" + "///")
FORBIDDEN_IMPORTS = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}


def tracked_files() -> list[Path]:
    """Return the files that git tracks, or that it would if they were added."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_no_file_names_a_package_registry() -> None:
    """The lock and everything else work with whatever index a machine is set up for."""
    named = [
        path
        for path in tracked_files()
        if any(host in path.read_text(errors="ignore") for host in REGISTRY_HOSTS)
    ]
    assert named == []


def test_no_file_holds_an_absolute_path_of_a_machine() -> None:
    """Paths of a developer's home or of a build machine say nothing to others."""
    pattern = re.compile("|".join(["/" + "home/", "/" + "root/", "/" + "Users/", "/" + "work/"]))
    assert [path for path in tracked_files() if pattern.search(path.read_text(errors="ignore"))] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-labeling.txt"])
def test_every_requirement_is_pinned_with_a_hash(name: str) -> None:
    """`pip install --require-hashes` accepts the lock: one exact version and its hashes for each package."""
    entries = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    assert entries
    assert [
        entry
        for entry in entries
        if not re.match(r"[A-Za-z0-9._\[\]-]+==\S+.*--hash=sha256:[0-9a-f]{64}", entry)
    ] == []


def test_every_runtime_dependency_is_locked() -> None:
    """The runtime lock holds what pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=!~;\[ ]", entry)[0].lower() for entry in project["dependencies"]}
    locked = set(
        re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.txt").read_text().lower(), re.MULTILINE)
    )
    assert wanted <= locked


def test_nothing_imports_a_format_that_runs_code_when_it_loads() -> None:
    """No pickle and none of its relatives anywhere in the packages."""
    offenders = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module]
                if {name.split(".")[0] for name in names} & FORBIDDEN_IMPORTS:
                    offenders.append(str(path.relative_to(ROOT)))
    assert offenders == []


def test_arrays_load_without_pickle() -> None:
    """Every `np.load` in the packages says `allow_pickle=False`."""
    calls = [
        (path, line)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for line in path.read_text().splitlines()
        if "np.load(" in line
    ]
    assert [str(path) for path, line in calls if "allow_pickle=False" not in line] == []


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link and every file named in the documents' tables exists."""
    missing = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text()):
            if not (page.parent / target).exists():
                missing.append(f"{page.name}: {target}")
    assert missing == []


def test_the_contributing_table_names_files_that_exist() -> None:
    """A stranger who follows "to change X open Y" finds the file."""
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("|")]
    named = [name for row in rows for name in re.findall(r"`([a-z_]+/[A-Za-z0-9_./-]+)`", row)]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_decision_records_have_the_four_parts() -> None:
    """Each record says the context, the options, the choice and its consequences."""
    for record in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        text = record.read_text()
        assert re.match(r"# \d{4}: ", text), record.name
        for part in ("Context", "Options", "Choice", "Consequences"):
            assert re.search(rf"^## {part}", text, re.MULTILINE), f"{record.name}: {part}"
