"""`litellm`'s proxy, the peer of the relay bench, before an upstream.

Needs `python bench/peers/install.py litellm`.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from peers.install import log_of, python_of
from under_test import Server, free_port, process, until_it_answers

NAME = "litellm"
CONFIG = """\
model_list:
  - model_name: gpt-realtime
    litellm_params:
      model: openai/gpt-realtime
      api_base: {upstream}/v1
      api_key: none
litellm_settings:
  telemetry: false
"""
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}
"""It asks the network for nothing, logs errors alone, and, as we do here, lets in who comes."""


@contextlib.contextmanager
def litellm(upstream: str, core: int | None = None) -> Iterator[Server]:
    """The proxy, ready; `upstream` is an http address. One worker, as for us."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG.format(upstream=upstream), "utf-8")
        command = [str(python_of(NAME).parent / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
        with process([*command, "--port", str(port)], core, env=os.environ | QUIET, log=log_of(NAME)) as child:
            until_it_answers(f"http://127.0.0.1:{port}/health/liveliness", child, limit_s=120)
            yield Server(f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime", child.pid)
