"""Reads the pages of package indexes: JSON (PEP 691), HTML (PEP 503), and plain folders of wheels."""

import html.parser
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"


@dataclass(frozen=True, slots=True)
class WheelLink:
    """Where a wheel lies, and what its index promises of it."""

    url: str
    file_name: str
    sha256: str | None = None

    @property
    def path(self) -> Path | None:
        """The file itself, where it lies on this machine."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    def is_of(self, package: str, version: str) -> bool:
        """Whether this is the wheel of that release."""
        try:
            name, found, _, _ = parse_wheel_filename(self.file_name)
        except InvalidWheelFilename:
            return False
        return name == canonicalize_name(package) and found == Version(version)


def links_of(text: str, content_type: str, base_url: str) -> list[WheelLink]:
    """All files that a page lists."""
    if content_type.partition(";")[0].strip().endswith("json"):
        return _from_json(text, base_url)
    return _from_html(text, base_url)


def links_in(folder: Path) -> list[WheelLink]:
    """All wheels that lie in a folder."""
    return [WheelLink(file.resolve().as_uri(), file.name) for file in sorted(folder.glob("*.whl"))]


def _from_json(text: str, base_url: str) -> list[WheelLink]:
    return [
        WheelLink(urljoin(base_url, file["url"]), file["filename"], file.get("hashes", {}).get("sha256"))
        for file in json.loads(text)["files"]
    ]


def _from_html(text: str, base_url: str) -> list[WheelLink]:
    reader = _Anchors()
    reader.feed(text)
    base_url = urljoin(base_url, reader.base or "")
    return [_link(urljoin(base_url, href)) for href in reader.hrefs]


def _link(href: str) -> WheelLink:
    url, fragment = urldefrag(href)
    kind, _, digest = fragment.partition("=")
    return WheelLink(url, unquote(urlsplit(url).path.rpartition("/")[2]), digest if kind == "sha256" else None)


class _Anchors(html.parser.HTMLParser):
    """Collects the targets of links, and the base that they are relative to."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)
        elif tag == "base" and href:
            self.base = href
