"""The snippets of `docs/guides/client.md` run as they stand."""

import asyncio
import re
import sys
from pathlib import Path

from antiphon.testing import serving

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "client.md"


def test_every_snippet_runs() -> None:
    """Each Python block is a whole program; against a server on this machine it ends well."""
    snippets = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    async def shown() -> list[tuple[str, int | None]]:
        results = []
        async with serving("tone") as url:
            for snippet in snippets:
                program = snippet.replace("http://localhost:8000", url)
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
                )
                text, _ = await process.communicate()
                results.append((text.decode(), process.returncode))
        return results

    nowhere = "ws://localhost:9/v1/realtime"
    assert asyncio.run(shown()) == [
        ("user: Good evening!\nassistant: You said: Good evening!\n", 0),
        ("", 0),
        (f"Nobody answers at {nowhere}: the connection was refused.\nhint: is the server running?\n", 0),
    ]
