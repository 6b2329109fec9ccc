"""The labeling tools themselves take the files and give the labels back, in an environment of their own."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from monitoring import handover
from monitoring.clock import ManualClock
from monitoring.store import Store, open_store
from monitoring.waves.labels import NONE_OF_THESE
from service.cli.demo.server import free_port
from tests.support.labelers import Answers, label_studio, names_of
from tests.support.morning import MORNING
from tests.support.round_trip import CLASSES, KEYS, KINDS, emitted, expected, send_to, state_of
from tests.support.running import eventually

ROOT: Final = Path(__file__).parents[2]
SCRIPTS: Final = ROOT / "tests" / "support" / "labeling"
BIN: Final = ROOT / ".venv-labeling" / "bin"
TOKEN: Final = "0123456789abcdef" * 2 + "01234567"
START_SECONDS: Final = 600.0  # its database is migrated first, on a machine that may be busy
NAMES: Final = {kind: kind.split()[0] for kind in KINDS}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BIN / "python").exists(),
        reason="no Label Studio here: `make labeling-env` installs it into .venv-labeling",
    ),
]


def script(name: str, *arguments: str, given: str | None = None) -> Any:
    """Return what a script of the labeling environment prints, as JSON."""
    done = subprocess.run(
        [BIN / "python", SCRIPTS / f"{name}.py", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Mapping[str, Store]]:
    """Yield a store with a batch for each kind of batch."""
    opened = {kind: open_store(tmp_path / NAMES[kind], clock=ManualClock(MORNING)) for kind in KINDS}
    yield opened
    for store in opened.values():
        store.close()


def handed_out(stores: Mapping[str, Store], form: str, base: Path, files: tuple[str, str]) -> None:
    """Write items, settings and answers of each batch for the scripts."""
    for kind, store in stores.items():
        manifest, answers = KINDS[kind]
        batch, name = emitted(store, **manifest), NAMES[kind]
        (base / f"{name}.{files[0]}").write_bytes(handover.export(batch, form))
        (base / f"{name}.{files[1]}").write_bytes(handover.labeling_config(batch, form))
        (base / f"{name}.answers.json").write_text(json.dumps(spelled(kind, answers)))


def spelled(kind: str, answers: Answers) -> dict[str, Any]:
    """Return the answers as a labeler clicks them: no label at all is `none_of_these`."""
    return {key: None if each is None else names_of(each) or [NONE_OF_THESE] for key, each in answers.items()}


def comes_back(store: Store, kind: str, body: bytes, *, skips: bool) -> None:
    """Send a file twice: every answer is taken, then known, and the items are what was said."""
    send, accepted = send_to(store), 3 + skips
    first = send(body)
    assert (first.accepted, first.repeated, first.rejected) == (accepted, 0, ())
    second = send(body)
    assert (second.accepted, second.repeated, second.rejected) == (0, accepted, ())
    assert state_of(store) == expected(KINDS[kind][1], skips=skips)


def test_label_studios_sdk_accepts_the_files_and_converts_what_was_annotated(
    stores: Mapping[str, Store], tmp_path: Path
) -> None:
    """Configuration, tasks and predictions are valid; all its conversions come back as the same labels."""
    base = tmp_path / "files"
    base.mkdir()
    handed_out(stores, "label_studio", base, ("tasks.json", "config.xml"))
    for kind, name in NAMES.items():
        tasks = (base / f"{name}.tasks.json").read_bytes()
        (base / f"{name}.annotated.json").write_bytes(label_studio(tasks, KINDS[kind][1]))
    found = script("with_label_studio_sdk", str(base))
    for kind, name in NAMES.items():
        assert found[name] == {
            "choices": [*CLASSES, NONE_OF_THESE],
            "tasks": [True] * len(KEYS),
            "errors": [],
        }
        first, *others = (
            (base / f"{name}.converted.{form}").read_bytes() for form in ("JSON", "JSON_MIN", "CSV")
        )
        comes_back(stores[kind], kind, first, skips=False)
        for body in others:
            again = send_to(stores[kind])(body)
            assert (again.accepted, again.repeated, again.rejected) == (0, 3, ())


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[str]:
    """Start a Label Studio with a database of its own; yield its address."""
    port, log = free_port(), tmp_path / "label-studio.log"
    settings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "label-studio"),
        "LABEL_STUDIO_USERNAME": "kim@example.org",
        "LABEL_STUDIO_PASSWORD": "a password of tests",
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        # It stays on this machine.
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "HOME": str(tmp_path),
    }
    command = [BIN / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings},
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(address), within=START_SECONDS, what="Label Studio answers")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answers(address: str) -> bool:
    """Tell whether a Label Studio answers there."""
    try:
        return httpx.get(f"{address}/health", trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False


def test_a_real_label_studio_takes_the_batch_and_gives_the_labels_back(
    studio: str, stores: Mapping[str, Store], tmp_path: Path
) -> None:
    """It imports every task and prediction, people label and skip, each of its exports is the same labels."""
    base = tmp_path / "files"
    base.mkdir()
    handed_out(stores, "label_studio", base, ("tasks.json", "config.xml"))
    imported = script("at_label_studio", studio, TOKEN, str(base))
    for kind, name in NAMES.items():
        # Items 1, 3 and 5 are of the certainty stratum; the others are labelled without a prediction.
        assert imported[name] == {"tasks": len(KEYS), "predictions": 3}
        comes_back(stores[kind], kind, (base / f"{name}.export.JSON").read_bytes(), skips=False)
        for form in ("JSON_MIN", "CSV", "TSV"):
            again = send_to(stores[kind])((base / f"{name}.export.{form}").read_bytes())
            assert (again.accepted, again.repeated, again.rejected) == (0, 3, ()), form


def test_argillas_sdk_reads_the_records_and_writes_what_was_answered(
    stores: Mapping[str, Store], tmp_path: Path
) -> None:
    """Settings and records are read without loss; both its exports come back as the same labels."""
    base = tmp_path / "files"
    base.mkdir()
    handed_out(stores, "argilla", base, ("records.json", "settings.json"))
    for kind, name in NAMES.items():
        several = kind == "several labels"
        listed = spelled(kind, KINDS[kind][1])
        chosen = {key: each if several or each is None else each[0] for key, each in listed.items()}
        (base / f"{name}.answers.json").write_text(json.dumps(chosen))
    found = script("with_argilla", str(base))
    for kind, name in NAMES.items():
        several = kind == "several labels"
        said = found[name]
        assert said["question"] == ("MultiLabelQuestion" if several else "LabelQuestion")
        assert said["labels"] == [*CLASSES, NONE_OF_THESE]
        assert (said["min_submitted"], said["visible"], said["ids"]) == (1, [], list(KEYS))
        assert sorted(said["metadata"]) == said["given_metadata"]
        assert [key for key, given in said["suggested"].items() if given] == list(KEYS[::2])
        comes_back(stores[kind], kind, (base / f"{name}.flat.json").read_bytes(), skips=True)
        nested = send_to(stores[kind])((base / f"{name}.nested.json").read_bytes())
        # This one leaves out who only drafted; what Bob drafted is told as if he had submitted it.
        assert (nested.repeated, nested.rejected) == (3, ())


@pytest.mark.parametrize("change", [{}, {"body": '{"type": "batch.closed"}'}], ids=["as sent", "changed"])
def test_the_library_of_standard_webhooks_verifies_what_we_sign(change: dict[str, str]) -> None:
    """The request as we send it passes, a changed body does not."""
    import time

    from monitoring.store import Delivery
    from service.webhook import Webhook

    seen: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return httpx.Response(204)

    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    delivery = Delivery(1, "batch.emitted", "b1", {"batch": "b1", "items": 200}, MORNING, 1)
    Webhook("http://hooks.test", secret, now=time.time, transport=httpx.MockTransport(take)).send(delivery)
    given = {"secret": secret, "headers": dict(seen[0].headers), "body": seen[0].content.decode(), **change}
    if change:
        with pytest.raises(AssertionError, match="WebhookVerificationError"):
            script("with_standard_webhooks", given=json.dumps(given))
    else:
        assert script("with_standard_webhooks", given=json.dumps(given))["data"] == {
            "batch": "b1",
            "items": 200,
        }
