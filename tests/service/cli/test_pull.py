"""A pulled batch is the files its tool needs."""

from pathlib import Path
from typing import Any

import pytest

from monitoring.handover import FORMS
from service.cli import pull as module
from tests.support.command import Command


class Service:
    """Answers each path with its own words."""

    asked: list[tuple[str, dict[str, str] | None]]

    def __init__(self, *_: str) -> None:
        Service.asked = []

    def get(self, path: str, *, params: dict[str, str] | None = None) -> Any:
        """Return the path and the query as content."""
        self.asked.append((path, params))
        return type("Reply", (), {"content": f"{path} {params}".encode()})


@pytest.mark.parametrize("form", FORMS)
def test_each_form_comes_with_its_manifest_and_settings(
    form: str, seamark: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Under names that tell them apart, so that all forms fit into one directory."""
    monkeypatch.setattr(module, "Client", Service)
    code, out, _ = seamark("batch", "pull", "b1", "--format", form, "--to", str(tmp_path))
    files = [FORMS[form].items.ending, "manifest.json"]
    settings = FORMS[form].settings
    if settings is not None:
        files.append(settings.ending)
        assert Service.asked[-1] == ("/v1/batches/b1/labeling-config", {"tool": form})
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"b1.{ending}" for ending in files)
    assert Service.asked[0] == ("/v1/batches/b1/items", {"format": form})
    assert all(f"b1.{ending}" in out.replace("\n", "") for ending in files)


def test_what_somebody_filled_in_is_not_pulled_over(
    seamark: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Pulled again it is the same; once it is changed nothing at all is written, the settings neither."""
    monkeypatch.setattr(module, "Client", Service)
    line = ("batch", "pull", "b1", "--format", "doccano", "--to", str(tmp_path))
    assert seamark(*line) == seamark(*line)
    batch, settings = tmp_path / "b1.doccano.jsonl", tmp_path / "b1.doccano-labels.json"
    batch.write_bytes(b"filled in")
    settings.unlink()
    code, out, error = seamark(*line)
    assert (code, out) == (1, "")
    assert error == (
        f"seamark: {batch}: is there already, with other content; choose another --to, or move it away\n"
    )
    assert (batch.read_bytes(), settings.exists()) == (b"filled in", False)


def test_the_help_names_every_form(seamark: Command) -> None:
    """As many as there are."""
    assert f"{', '.join([*FORMS][:-1])} or {[*FORMS][-1]}." == module.HELP
    endings = [form.items.ending for form in FORMS.values()]
    endings += [form.settings.ending for form in FORMS.values() if form.settings is not None]
    assert len(set(endings)) == len(endings)
