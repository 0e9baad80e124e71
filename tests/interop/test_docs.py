"""What the documentation shows is true: its Python runs, its TOML loads, its generated pages are fresh."""

import asyncio
import importlib.util
import os
import re
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from antiphon.config import load
from antiphon.gateway.settings import RelayConfig
from antiphon.testing import serving

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SERVER = "http://127.0.0.1:8000"
"""Where the documentation's server is."""


def blocks(language: str) -> list[tuple[str, str]]:
    """All code blocks of a language: (where, text)."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [
        (f"{page.relative_to(ROOT)}:{number}", match)
        for page in PAGES
        for number, match in enumerate(pattern.findall(page.read_text("utf-8")), start=1)
    ]


OURS = [block for block in blocks("python") if not re.search("guides/(client|relay)", block[0])]
"""The guides for clients have tests of their own; that of the relay shows what `test_relay_beta` runs."""


@pytest.mark.parametrize(("where", "code"), OURS, ids=[where for where, _ in OURS])
def test_python_blocks_run(where: str, code: str, tmp_path: Path) -> None:
    """As they stand, but for the server's address."""

    async def main() -> int | None:
        async with serving() as url:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-W", "error", "-c", code.replace(SERVER, url), cwd=tmp_path
            )
            async with asyncio.timeout(60):
                return await process.wait()

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize(("where", "text"), blocks("toml"), ids=[where for where, _ in blocks("toml")])
def test_toml_blocks_are_configurations(where: str, text: str, tmp_path: Path) -> None:
    """Each is an `antiphon.toml` or a relay's file without a mistake; entry points belong to another file."""
    file = tmp_path / "antiphon.toml"
    if "guides/relay" in where:
        assert msgspec.convert(tomllib.loads(text), RelayConfig).upstreams
        return
    file.write_text(text if "[project." not in text else "", "utf-8")

    assert load(file).file == file


def test_links_inside_the_documentation_lead_somewhere() -> None:
    """Relative links name files that exist."""
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))]

    assert [(str(page), link) for page, link in links if not (page.parent / link).exists()] == []


def test_generated_pages_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make docs` would change nothing."""
    for name in [name for name in os.environ if name.startswith("ANTIPHON_")]:
        monkeypatch.delenv(name)
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    stale = [name for name, page in module.PAGES.items() if (module.HERE / name).read_text("utf-8") != page()]
    assert stale == []
