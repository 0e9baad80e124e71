"""`speech-to-speech`, the peer of the answer bench, started against engines behind a URL.

`python bench/peers/speech_to_speech.py --sessions 4` starts it beside stub engines of its own, prints its URL and waits
for ^C. Needs `python bench/peers/install.py speech-to-speech`. Every session has a pipeline of its own there, so as
many are started as sessions will come; Smart Turn is off, since it would fetch a model, and Torch has one thread, for
with more the pipelines hinder each other on two cores.
"""

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from peers.install import log_of, python_of  # noqa: E402 -- the path above lets this file be a command
from under_test import Server, free_port, process, stubs, until_it_answers  # noqa: E402 -- likewise

NAME = "speech-to-speech"
QUICKEST = ("--speculative_reopen_ms", "0")
"""Without the 800 ms for which it holds an answer back by default, in case the caller goes on."""


@contextlib.contextmanager
def speech_to_speech(engines: str, sessions: int, flags: Sequence[str] = ()) -> Iterator[Server]:
    """The server, ready for so many sessions; `engines` is the base URL of recogniser, model and voice alike.

    Cold: the first turn of each pipeline takes seconds. Let one go before you measure.
    """
    port = free_port()
    command = [str(python_of(NAME)), "-P", str(HERE / "speech_to_speech_main.py"), "serve", "--port", str(port)]
    command += ["--num_pipelines", str(sessions), "--smart_turn", "False", "--torch_num_threads", "1"]
    command += ["--log_level", "error"]
    command += ["--stt", "openai", "--openai_stt_base_url", engines, "--openai_stt_model", "stub"]
    command += ["--llm_backend", "chat-completions", "--responses_api_base_url", engines, "--model_name", "stub"]
    command += ["--responses_api_stream", "--responses_api_api_key", "none"]
    command += ["--tts", "openai", "--openai_tts_base_url", engines, "--openai_tts_model", "stub"]
    command += ["--openai_stt_api_key", "none", "--openai_tts_api_key", "none"]
    with process([*command, *flags], log=log_of(NAME)) as child:
        until_it_answers(f"http://127.0.0.1:{port}/v1/pool", child, limit_s=60 + 5 * sessions)
        yield Server(f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime", child.pid)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--quickest", action="store_true", help="without its 800 ms of grace after a turn")
    wish = parser.parse_args()
    flags = QUICKEST if wish.quickest else ()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else its processes would outlive this one
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs behind it deaf to it
    with (
        contextlib.suppress(KeyboardInterrupt),
        stubs() as engines,
        speech_to_speech(engines, wish.sessions, flags) as server,
    ):
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
