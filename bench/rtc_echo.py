"""The transport alone, with an app that notes the time: `python bench/rtc_echo.py --port 8000`.

It tells the caller when the first sound of a stretch reached it, and gives sound away when it is asked to.
"""

import argparse
import json
import time

import uvicorn
from starlette.applications import Starlette

from antiphon.audio.pcm import to_float
from antiphon.link import Link, Media, Scope, Sound, Text
from antiphon.transports.admission import Gate
from antiphon.transports.rest import Mint
from antiphon.transports.secrets import Secrets
from antiphon.transports.webrtc.desk import Desk
from antiphon.transports.webrtc.endpoint import Door
from antiphon.transports.webrtc.options import WebRTCOptions

LOUD = 0.005
QUIET_PIECES = 10
"""After so many quiet pieces, the next loud one begins a stretch."""
TONE = (b"\x00\x20" * 12 + b"\x00\xe0" * 12) * 200
"""A fifth of a second of 1 kHz."""


async def app(link: Link) -> None:
    """Note, and play."""
    quiet, answers = QUIET_PIECES, 0
    while (frame := await link.receive()) is not None:
        now = time.monotonic()
        if isinstance(frame, Media):
            is_loud = float((to_float(frame.pcm) ** 2).mean()) ** 0.5 > LOUD
            if is_loud and quiet >= QUIET_PIECES:
                await link.send(json.dumps({"type": "heard", "at": now}).encode())
            quiet = 0 if is_loud else quiet + 1
        elif isinstance(frame, Text) and link.scope.playout is not None:
            answers += 1
            response = f"resp_{answers}"
            link.scope.playout.play(Sound(response, "item", 0, TONE))
            link.scope.playout.finish(response)
            await link.send(json.dumps({"type": "gave", "at": now}).encode())


class NoCalls:
    """There are no sidebands here."""

    def find(self, call_id: str) -> Scope | None:  # noqa: ARG002 -- as the contract has it
        """No call."""
        return None

    async def attach(self, call_id: str, link: Link) -> None:
        """Never called."""

    def end(self, call_id: str) -> bool:  # noqa: ARG002 -- as the contract has it
        """No call."""
        return False


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    wish = parser.parse_args()
    mint = Mint(Secrets(time.time), lambda _: True)
    door = Door(Desk(app, WebRTCOptions()), Gate(), mint, NoCalls())
    uvicorn.run(Starlette(routes=list(door.routes())), port=wish.port, loop="uvloop", log_level="warning")


if __name__ == "__main__":
    main()
