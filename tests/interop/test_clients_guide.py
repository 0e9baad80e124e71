"""The programs of `docs/guides/clients.md` run as they stand, but for the server's address; each has its client."""

import asyncio
import os
import re
import sys

import pytest
from foreign import ENVIRONMENTS, LIMIT_S, NODE, ROOT

from antiphon.testing import serving

pytestmark = pytest.mark.interop

PAGE = (ROOT / "docs" / "guides" / "clients.md").read_text("utf-8")
PROGRAMS = re.findall(r"^## (.+?)$(?:(?!^## ).)*?^<!-- (\S+) -->\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
"""Title, environment and text."""
SILENT = {"Pipecat"}
"""A program that prints nothing: a part of another one."""
VARIABLES = os.environ | {"OPENAI_AGENTS_DISABLE_TRACING": "1", "LOGURU_LEVEL": "WARNING"}
ADDRESS = "127.0.0.1:8000"


def command(environment: str, program: str) -> list[str]:
    """How it is started."""
    if environment == "node":
        return ["node", "--input-type=module", "--eval", program]
    python = sys.executable if environment == "antiphon" else str(ENVIRONMENTS / environment / "bin" / "python")
    return [python, "-c", program]


def test_every_client_has_its_program() -> None:
    """No program is forgotten by the pattern above."""
    assert len(PROGRAMS) == PAGE.count("<!--") == PAGE.count("\n## ") == 7


@pytest.mark.parametrize(("title", "environment", "program"), PROGRAMS, ids=[title for title, _, _ in PROGRAMS])
def test_programs_run(title: str, environment: str, program: str) -> None:
    """They print the answer, complain of nothing and come to an end."""

    async def main() -> tuple[str, str, int | None]:
        pipe = asyncio.subprocess.PIPE
        async with serving() as url, asyncio.timeout(LIMIT_S):
            here = program.replace(ADDRESS, url.removeprefix("http://"))
            process = await asyncio.create_subprocess_exec(
                *command(environment, here), stdout=pipe, stderr=pipe, cwd=NODE, env=VARIABLES
            )
            out, err = await process.communicate()
        return out.decode(), err.decode(), process.returncode

    out, err, code = asyncio.run(main())

    assert (err, code) == ("", 0)
    assert ("good evening" in out) is (title not in SILENT)
