"""How does a command talk to a running service: one request, and a one-line error when it fails."""

from collections.abc import Mapping
from typing import Any

import httpx


class ClientError(Exception):
    """The service could not be reached, or answered with a problem."""


class Client:
    """A client of the `/v1` routes of one service.

    Parameters
    ----------
    url
        Base address, for example `http://127.0.0.1:3000`.
    key
        Access key sent as a bearer token; empty sends none.

    Attributes
    ----------
    url : str
        Base address without a slash at its end.
    """

    def __init__(self, url: str, key: str = "", *, timeout_seconds: float = 30.0) -> None:
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ClientError("--key: a key has printable ASCII characters only; check SEAMARK_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.url = url.rstrip("/")
        try:
            address = httpx.URL(self.url)
        except httpx.InvalidURL:
            address = httpx.URL("")
        if address.scheme not in {"http", "https"} or not address.host:
            raise ClientError(f"--url {url!r}: give an address such as http://127.0.0.1:3000")
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_seconds, trust_env=False)

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> httpx.Response:
        """Return the answer to GET `path`; raises `ClientError` on anything but 2xx."""
        return self._send("GET", path, params=params)

    def post(
        self,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer to POST `path` with a JSON body; raises `ClientError` on anything but 2xx."""
        if content is not None:
            typed = {"Content-Type": "application/json", **(headers or {})}
            return self._send("POST", path, content=content, headers=typed, params=params)
        return self._send("POST", path, json=json, headers=headers, params=params)

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **parts)
        except httpx.TimeoutException as error:
            seconds = self._http.timeout.read
            raise ClientError(f"{self.url}: no answer within {seconds:.0f} s; see its log") from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ClientError(
                f"{self.url}: no answer ({reason}); start the service with `seamark serve` or pass --url"
            ) from error
        if response.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html":
            raise ClientError(
                f"{method} {path}: {response.status_code}, a web page (HTML) and not an answer of Seamark; "
                f"check --url {self.url}, and whether a proxy or a login page is before it"
            )
        if response.is_success:
            return response
        raise ClientError(f"{method} {path}: {_problem(response)}")


def _problem(response: httpx.Response) -> str:
    """Return a problem's title and detail in one line, or the status where the body is not a problem."""
    try:
        body = response.json()
        parts = [str(body[name]) for name in ("title", "detail") if body.get(name)]
    except (ValueError, TypeError, KeyError, AttributeError):
        parts = []
    return f"{response.status_code} " + (": ".join(parts) or response.reason_phrase)
