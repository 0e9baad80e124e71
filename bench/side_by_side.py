"""Asks our server and `speech-to-speech` the same questions, with the same engines behind both.

`python bench/side_by_side.py [--report FILE] [flags of antiphon check]`, after `python bench/peers/install.py
speech-to-speech`. Both get the `tone` engines by URL, and a Silero VAD; what differs is the server.
"""

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "peers")]

from speech_to_speech import QUICKEST, speech_to_speech  # noqa: E402 -- the path above lets this file be a command
from under_test import antiphon, free_port, process, until_it_answers  # noqa: E402 -- likewise

SESSIONS = 3
"""A pipeline of the peer each; a case takes up to two, and one may still be letting go."""


@contextlib.contextmanager
def tone_engines() -> Iterator[str]:
    """The engines; gives their base URL."""
    port = free_port()
    with process([sys.executable, str(HERE / "tone_engines.py"), "--port", str(port)], None) as child:
        until_it_answers(f"http://127.0.0.1:{port}/", child)
        yield f"http://127.0.0.1:{port}/v1"


def main() -> None:
    """Start all, ask, and end with the checker's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    flags = parser.parse_known_args()[1]
    check = [str(Path(sys.executable).parent / "antiphon"), "check"]
    with tone_engines() as engines:
        ours = ("--vad", "silero", "--asr", f"openai:{engines}#tone", "--llm", f"openai:{engines}#tone")
        with (
            antiphon((*ours, "--tts", f"openai:{engines}#tone")) as server,
            speech_to_speech(engines, SESSIONS, QUICKEST) as peer,
        ):
            named = [server.url, peer.url, "--name", "antiphon", "--name", "speech-to-speech 1.1.0"]
            sys.exit(subprocess.run([*check, *named, *flags], check=False).returncode)


if __name__ == "__main__":
    main()
