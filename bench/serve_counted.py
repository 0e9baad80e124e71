"""`antiphon serve`, with a count of its asyncio tasks for whoever asks: SIGUSR1 writes it into the file `COUNTS`.

`COUNTS=/tmp/counts.json python bench/serve_counted.py serve --port 8000`. For the churn, which watches them over time.
"""

import asyncio
import gc
import json
import os
import signal
from pathlib import Path

from antiphon.cli import app


def count(*_: object) -> None:
    """Tasks that are not done, in all loops."""
    tasks = [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()]
    path = Path(os.environ["COUNTS"])
    whole = path.with_suffix(".part")
    whole.write_text(json.dumps({"tasks": len(tasks)}))
    whole.rename(path)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, count)
    app()
