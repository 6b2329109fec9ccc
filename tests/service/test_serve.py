"""What would fail in every worker is found before one is started, in one line."""

import os
import socket
from pathlib import Path

import pytest

from model_store.errors import BundleCorrupt, UnknownBundle
from model_store.store import ModelStore
from monitoring.errors import StateUnavailable
from service.access import KeysInvalid
from service.serve import (
    HostUnknown,
    ModelNotChosen,
    NothingPromoted,
    PortInUse,
    check,
    prepare_environment,
    serve,
)
from service.settings import ServiceError, Settings, read_settings
from tests.support import bundles
from tests.support.running import free_port


@pytest.fixture
def settings(model_store: ModelStore, tmp_path: Path) -> Settings:
    """Return settings with which a server would start."""
    bundles.publish_tiny(model_store)
    return Settings(store=model_store.root, state=tmp_path / "state", port=free_port())


def changed(settings: Settings, **values: object) -> Settings:
    """Return the settings with other values."""
    environment = settings.to_environment() | {f"SEAMARK_{k.upper()}": str(v) for k, v in values.items()}
    return read_settings(environment)


def test_a_good_configuration_names_what_would_answer(settings: Settings) -> None:
    """The check opens bundle and state, and leaves a migrated state behind."""
    assert check(settings) == "tiny@1"
    assert (settings.state / "seamark.sqlite3").is_file()


def test_a_port_in_use_is_told_with_the_address(settings: Settings) -> None:
    """Nothing is started when another process listens there."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.port))
        other.listen()
        with pytest.raises(
            PortInUse, match=rf"cannot listen on 127.0.0.1:{settings.port} .*--port .SEAMARK_PORT"
        ):
            serve(settings)


def test_an_address_of_another_host_cannot_be_bound(settings: Settings) -> None:
    """The line names the host and the setting, for an address of another machine and for no address."""
    with pytest.raises(HostUnknown, match=r"'203\.0\.113\.9' .*SEAMARK_HOST"):
        check(changed(settings, host="203.0.113.9"))
    with pytest.raises(HostUnknown, match=r"'nowhere\.invalid' .*SEAMARK_HOST"):
        check(changed(settings, host="nowhere.invalid"))


def test_the_bundle_must_be_chosen_promoted_and_sound(settings: Settings, model_store: ModelStore) -> None:
    """Each of the ways to have no bundle has its own line with the next action."""
    with pytest.raises(UnknownBundle):
        check(changed(settings, model="nobody"))
    with pytest.raises(ModelNotChosen, match="seamark fit"):
        check(changed(settings, store=settings.store.parent / "empty"))
    bundles.publish_tiny(model_store, name="second", promote=False)
    with pytest.raises(ModelNotChosen, match=r"second, tiny; choose one with --model .SEAMARK_MODEL"):
        check(settings)
    with pytest.raises(NothingPromoted, match="seamark bundle promote second"):
        check(changed(settings, model="second"))
    card = model_store.path("tiny", "1") / "card.md"
    card.write_text(card.read_text().upper())
    with pytest.raises(BundleCorrupt):
        check(changed(settings, model="tiny"))


def test_keys_and_state_must_be_usable(settings: Settings, tmp_path: Path) -> None:
    """A missing file of keys and a state that cannot be made stop the start."""
    with pytest.raises(KeysInvalid):
        check(changed(settings, keys_file=tmp_path / "no-keys"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnavailable):
        check(changed(settings, state=tmp_path / "file" / "state"))
    assert issubclass(KeysInvalid, ServiceError)


def test_the_settings_reach_the_other_processes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read the same values, and BentoML's files go where they are told."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    prepare_environment(changed(settings, port=4001), home=tmp_path)
    assert read_settings(os.environ) == changed(settings, port=4001)
    assert os.environ["BENTOML_HOME"] == str(tmp_path)
