"""What would fail in every worker is found before one is started, in one line."""

import os
import socket
from pathlib import Path

import pytest

from model_store.errors import BundleCorrupt, UnknownBundle
from model_store.store import ModelStore
from monitoring.errors import StateUnavailable
from service.access import KeysInvalid
from service.serve import ModelNotChosen, NothingPromoted, PortInUse, check, prepare_environment, serve
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
        with pytest.raises(PortInUse, match=rf"cannot listen on 127.0.0.1:{settings.port} .*SEAMARK_PORT"):
            serve(settings)


def test_an_address_of_another_host_cannot_be_bound(settings: Settings) -> None:
    """A host that is not ours is the same error."""
    with pytest.raises(PortInUse):
        check(changed(settings, host="192.0.2.1"))


def test_the_bundle_must_be_chosen_promoted_and_sound(settings: Settings, model_store: ModelStore) -> None:
    """Each of the ways to have no bundle has its own line with the next action."""
    with pytest.raises(UnknownBundle):
        check(changed(settings, model="nobody"))
    with pytest.raises(ModelNotChosen, match="seamark fit"):
        check(changed(settings, store=settings.store.parent / "empty"))
    bundles.publish_tiny(model_store, name="second", promote=False)
    with pytest.raises(ModelNotChosen, match="second, tiny; choose one with SEAMARK_MODEL"):
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


def test_each_server_has_a_bentoml_home_of_its_own(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers on one state do not delete each other's metrics; children read the same settings."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    homes = set()
    for port in (4001, 4002):
        prepare_environment(changed(settings, port=port))
        homes.add(os.environ["BENTOML_HOME"])
        assert read_settings(os.environ).port == port
    assert len(homes) == 2
    assert all(Path(home).is_dir() and Path(home).is_relative_to(settings.state) for home in homes)
