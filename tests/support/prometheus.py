"""A real Prometheus on loopback for the tests that ask it something: this repository's configuration."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.support.running import eventually, free_port

SHIPPED: Final = Path(__file__).parents[2] / "monitoring" / "prometheus"
INSTALLED: Final = shutil.which("prometheus") is not None
SCRAPE_SECONDS: Final = 1
READY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class RunningPrometheus:
    """A Prometheus that scrapes one service as the job `seamark`."""

    client: httpx.Client = field(repr=False)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the instant vector of `expr` now; fail on an error of Prometheus."""
        reply = self.client.get("/api/v1/query", params={"query": expr}).json()
        assert reply["status"] == "success", reply
        assert reply["data"]["resultType"] == "vector", reply
        return list(reply["data"]["result"])

    def values(self, expr: str) -> list[float]:
        """Return the values of `expr` now, one a series."""
        return [float(series["value"][1]) for series in self.query(expr)]

    def rules(self) -> list[dict[str, Any]]:
        """Return every loaded rule with its health, and its alerts when it is an alerting rule."""
        groups = self.client.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def instances(self) -> list[str]:
        """Return the `instance` label of every target that answers its scrapes."""
        targets = self.client.get("/api/v1/targets").json()["data"]["activeTargets"]
        return [target["labels"]["instance"] for target in targets if target["health"] == "up"]


def adapted(address: str, rules: Path) -> dict[str, Any]:
    """Return the shipped configuration for a test: another target, a scrape a second, no Alertmanager."""
    configuration: dict[str, Any] = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    interval = f"{SCRAPE_SECONDS}s"
    configuration["global"] = {"scrape_interval": interval, "evaluation_interval": interval}
    configuration["rule_files"] = [str(rules / "*.yml")]
    del configuration["alerting"]
    (job,) = configuration["scrape_configs"]
    job["static_configs"] = [{"targets": [address]}]
    return configuration


@contextmanager
def launched(directory: Path, base_url: str) -> Iterator[RunningPrometheus]:
    """Run Prometheus over the service at `base_url`, its data in `directory`, until the block ends."""
    address = base_url.rstrip("/").removeprefix("http://")
    configuration = directory / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(adapted(address, SHIPPED / "rules")))
    port, log = free_port(), directory / "prometheus.log"
    command = [
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (
        log.open("wb") as sink,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0, trust_env=False) as client,
    ):
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)

        def ready() -> bool:
            if process.poll() is not None:
                pytest.fail(f"prometheus ended with code {process.returncode}: {log.read_text()[-2000:]}")
            try:
                return client.get("/-/ready").status_code == 200
            except httpx.TransportError:
                return False

        try:
            eventually(ready, within=READY_SECONDS, what="prometheus is ready")
            yield RunningPrometheus(client)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)
