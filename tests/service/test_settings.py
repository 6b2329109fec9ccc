"""Settings come from SEAMARK_* variables, each with a range."""

from dataclasses import fields
from pathlib import Path

import pytest

from service.settings import SettingInvalid, Settings, misspelt, read_settings

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_defaults_hold_where_nothing_is_set() -> None:
    """An empty environment gives the documented defaults; an empty variable counts as not set."""
    assert read_settings({}) == read_settings({"SEAMARK_PORT": " "}) == Settings()
    assert (Settings().host, Settings().workers, Settings().lane) == ("127.0.0.1", 2, "on")


def test_every_field_has_its_variable_and_survives_the_way_to_another_process() -> None:
    """What `to_environment` says is read back as the same settings."""
    settings = read_settings(
        {
            "SEAMARK_STORE": "/srv/models",
            "SEAMARK_MODEL": "tickets",
            "SEAMARK_PORT": "8080",
            "SEAMARK_BUCKET_SECONDS": "0.5",
            "SEAMARK_SOURCES": "email, chat,email,",
            "SEAMARK_KEYS_FILE": "/run/keys",
            "SEAMARK_LANE": "off",
            "SEAMARK_WATCH": "fraud=5, is=spam=0.5,",
            "SEAMARK_TOLERANCE_BY_CLASS": "fraud:.05",
            "SEAMARK_STREAM_SHARES": "scores=.2,classes=.8",
            "SEAMARK_WEBHOOK_URL": "https://hooks.example.org/seamark?team=1",
            "SEAMARK_WEBHOOK_SECRET": SECRET,
            "UNRELATED": "1",
        }
    )
    assert settings.sources == ("email", "chat")
    assert settings.store == Path("/srv/models")
    assert settings.watch == (("fraud", 5.0), ("is=spam", 0.5))
    assert settings.tolerance_by_class == (("fraud", 0.05),)
    assert settings.stream_shares == (("classes", 0.8), ("scores", 0.2), ("inputs", 0.0))
    assert read_settings(settings.to_environment()) == settings
    assert read_settings(Settings().to_environment()) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SEAMARK_PORT", "http", "a whole number in [1, 65535]"),
        ("SEAMARK_PORT", "70000", "a whole number in [1, 65535]"),
        ("SEAMARK_WORKERS", "0", "a whole number in [1, 256]"),
        ("SEAMARK_BUCKET_SECONDS", "nan", "a number in [0.1, 86400]"),
        ("SEAMARK_TOLERANCE_RATIO", "-0.1", "a number in [0, 10]"),
        ("SEAMARK_KEEP_TEXT", "some", "one of full, none"),
        ("SEAMARK_WORKERS", "1_0", "a whole number in [1, 256]"),
        ("SEAMARK_STATE", "postgresql://db/seamark", "a path on this machine"),
        ("SEAMARK_WATCH", "fraud", "class=number, separated by commas, each class once"),
        ("SEAMARK_WATCH", "fraud=1,fraud=2", "class=number, separated by commas, each class once"),
        ("SEAMARK_WATCH", "fraud=-1", "class=number"),
        ("SEAMARK_WATCH", "fraud=0.0,*=0.0", "a weight above 0"),
        ("SEAMARK_WATCH", ",".join(f"c{i}=1" for i in range(1_001)), "at most 1000 of class=number"),
        ("SEAMARK_TOLERANCE_BY_CLASS", "fraud:11", "class:number"),
        ("SEAMARK_TOLERANCE_ABS", "0.6", "a number in [0, 0.5]"),
        ("SEAMARK_STREAM_SHARES", "classes=.6,scores=.3", "classes=share,scores=share,inputs=share"),
        ("SEAMARK_STREAM_SHARES", "scores=1", "classes=share"),
        ("SEAMARK_STREAM_SHARES", "classes=.5,colours=.5", "classes=share"),
        ("SEAMARK_DEDUPLICATE", "text", "one of off, id, content"),
        ("SEAMARK_SOURCES", ",".join(f"s{i}" for i in range(40)), "at most 31 names"),
    ],
)
def test_a_value_out_of_range_names_variable_value_and_range(
    variable: str, value: str, expected: str
) -> None:
    """The error is one line an operator can act on."""
    with pytest.raises(SettingInvalid) as raised:
        read_settings({variable: value})
    assert str(raised.value).startswith(f"{variable}={value!r}: expected {expected}")


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SEAMARK_WEBHOOK_URL", "hooks.example.org/token", "an address such as https://hooks.example.org/"),
        ("SEAMARK_WEBHOOK_URL", "https:///token", "an address such as"),
        ("SEAMARK_WEBHOOK_URL", "https://host:port/token", "an address such as"),
        ("SEAMARK_WEBHOOK_SECRET", "token", "whsec_ and the base64 of at least 24 random bytes"),
        ("SEAMARK_WEBHOOK_SECRET", "whsec_token", "whsec_ and the base64"),
        ("SEAMARK_WEBHOOK_SECRET", "whsec_token+token+token", "whsec_ and the base64"),
        ("SEAMARK_WEBHOOK_SECRET", SECRET.removeprefix("whsec_"), "whsec_ and the base64"),
    ],
)
def test_what_is_secret_is_not_repeated(variable: str, value: str, expected: str) -> None:
    """An address may hold a password; the error says how it is written, and not what was."""
    with pytest.raises(SettingInvalid) as raised:
        read_settings({variable: value})
    assert str(raised.value).startswith(f"{variable}='...': expected {expected}")
    given = read_settings({"SEAMARK_WEBHOOK_URL": "https://x.test/token", "SEAMARK_WEBHOOK_SECRET": SECRET})
    assert "token" not in repr(given)
    assert SECRET not in repr(given)


def test_a_webhook_needs_its_secret_and_makes_batches_announced() -> None:
    """Unsigned, anybody could tell the other side anything."""
    address = {"SEAMARK_WEBHOOK_URL": "https://hooks.example.org"}
    with pytest.raises(SettingInvalid, match="SEAMARK_WEBHOOK_SECRET='': expected the secret that signs"):
        read_settings(address)
    settings = read_settings({**address, "SEAMARK_WEBHOOK_SECRET": SECRET})
    assert settings.monitoring().watcher.announce_batches
    assert not Settings().monitoring().watcher.announce_batches


def test_a_bucket_cannot_be_longer_than_the_time_of_one_false_alarm() -> None:
    """Values that are in range and do not go together are told at the start."""
    days = {"SEAMARK_FALSE_ALARM_DAYS": "0.01"}
    with pytest.raises(SettingInvalid, match=r"SEAMARK_BUCKET_SECONDS='3600': expected at most .* 864 s"):
        read_settings({"SEAMARK_BUCKET_SECONDS": "3600", **days})
    settings = read_settings({"SEAMARK_BUCKET_SECONDS": "864", **days})
    assert settings.monitoring().watcher.detector.n_buckets == 1


def test_a_season_holds_enough_buckets() -> None:
    """A period that a few buckets fill has no shape to learn; 0 declares none."""
    with pytest.raises(SettingInvalid, match=r"SEAMARK_SEASON_SECONDS='60': expected 0, or at least 32"):
        read_settings({"SEAMARK_SEASON_SECONDS": "60"})
    assert read_settings({"SEAMARK_SEASON_SECONDS": "86400"}).season_seconds == 86_400.0


def test_a_misspelt_variable_is_told_with_what_was_meant() -> None:
    """Silence would leave the default in force; what the command line or Kubernetes sets is none."""
    environment = {
        "SEAMARK_STROE": "/srv/models",
        "SEAMARK_BUCKET_SECOND": "5",
        "SEAMARK_PORT": "3000",
        "SEAMARK_URL": "http://127.0.0.1:3000",
        "SEAMARK_KEY": "secret",
        "SEAMARK_SERVICE_HOST": "10.0.0.1",
        "SEAMARK_PORT_3000_TCP_ADDR": "10.0.0.1",
    }
    assert misspelt(environment) == {
        "SEAMARK_BUCKET_SECOND": "SEAMARK_BUCKET_SECONDS",
        "SEAMARK_STROE": "SEAMARK_STORE",
    }


def test_every_field_can_be_set() -> None:
    """No field lacks a parser."""
    assert all("parse" in field.metadata for field in fields(Settings))
