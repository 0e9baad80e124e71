"""A caller over WebRTC, as aiortc makes one: an independent peer on this machine's loopback address."""

import asyncio
import fractions
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from unittest import mock

import av
import httpx2
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from antiphon.audio.pcm import RATE_HZ

PATIENCE_S = 20.0
LINE_HZ = 48_000
FRAME = LINE_HZ // 50
LOOPBACK = "127.0.0.1"

Event = dict[str, Any]
Line = NDArray[np.int16]


class Voice(MediaStreamTrack):
    """What the caller says: `pcm`, sent as fast as it is said; then nothing, as with DTX."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[Line] = asyncio.Queue()
        self._at = 0

    def say(self, pcm: bytes) -> None:
        """Send 24 kHz sound; the last frame is filled up with silence."""
        line = np.repeat(np.frombuffer(pcm, "<i2"), LINE_HZ // RATE_HZ)
        line = np.pad(line, (0, -len(line) % FRAME))
        for start in range(0, len(line), FRAME):
            self._frames.put_nowait(line[start : start + FRAME])

    def pause(self, seconds: float) -> None:
        """Let the stream's clock run without packets."""
        self._at += int(seconds * LINE_HZ)

    async def recv(self) -> av.AudioFrame:
        """The next frame."""
        line = await self._frames.get()
        frame = av.AudioFrame.from_ndarray(line.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = LINE_HZ, self._at, fractions.Fraction(1, LINE_HZ)
        self._at += len(line)
        return frame


class RtcCaller:
    """One caller."""

    def __init__(self, peer: RTCPeerConnection, voice: Voice, channel: RTCDataChannel | None) -> None:
        self.peer = peer
        self.voice = voice
        self.channel = channel
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.heard: list[Line] = []
        """What the caller has heard, 48 kHz mono."""
        self.call_id = ""
        self.answer = ""
        self.opened = asyncio.Event()
        self.lost = asyncio.Event()
        self._sounded = asyncio.Condition()
        self.listening: asyncio.Task[None] | None = None
        if channel is not None:
            channel.on("message", self._on_message)
            channel.on("open", self.opened.set)
            channel.on("close", self.lost.set)

    def _on_message(self, message: str | bytes) -> None:
        self.events.put_nowait(json.loads(message))

    def hear(self, track: MediaStreamTrack) -> None:
        """Listen to the server."""
        self.listening = asyncio.get_running_loop().create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = cast(av.AudioFrame, await track.recv())
            except MediaStreamError:
                return
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
            async with self._sounded:
                self.heard.append(np.repeat(samples[:, 0].astype(np.int16), LINE_HZ // frame.sample_rate))
                self._sounded.notify_all()

    async def until_heard(self, seconds: float) -> Line:
        """Wait for so much sound that is not silence; gives all of it."""
        async with asyncio.timeout(PATIENCE_S), self._sounded:
            await self._sounded.wait_for(lambda: len(self.loud()) >= seconds * LINE_HZ)
        return self.loud()

    def loud(self) -> Line:
        """The frames heard so far that are not silent."""
        loud = [line for line in self.heard if np.abs(line.astype(np.int32)).max(initial=0) > 500]
        return np.concatenate(loud) if loud else np.zeros(0, np.int16)

    def say(self, kind: str, **keys: Any) -> None:
        """Send an event."""
        assert self.channel is not None
        self.channel.send(json.dumps({"type": kind, **keys}))

    def ask(self, text: str, **response: Any) -> None:
        """Ask in writing."""
        content = [{"type": "input_text", "text": text}]
        self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.say("response.create", response=response)

    async def next(self) -> Event:
        """The next event."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.events.get()

    async def until(self, *kinds: str) -> list[Event]:
        """All events up to the first of one of these types."""
        passed = [await self.next()]
        while passed[-1]["type"] not in kinds:
            passed.append(await self.next())
        return passed

    async def gone(self) -> None:
        """Wait until the server has closed the data channel."""
        async with asyncio.timeout(PATIENCE_S):
            await self.lost.wait()


@asynccontextmanager
async def caller(*, channel: str | None = "oai-events", codec: str = "audio/opus") -> AsyncIterator[RtcCaller]:
    """A caller that has not called yet."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    voice = Voice()
    peer.addTrack(voice)
    codecs = RTCRtpSender.getCapabilities("audio").codecs
    peer.getTransceivers()[0].setCodecPreferences([one for one in codecs if one.mimeType.lower() == codec.lower()])
    made = RtcCaller(peer, voice, peer.createDataChannel(channel) if channel else None)
    peer.on("track", made.hear)
    try:
        yield made
    finally:
        await peer.close()
        if made.listening is not None:
            made.listening.cancel()
            await asyncio.wait([made.listening])


async def offer_of(caller: RtcCaller) -> str:
    """The caller's offer, with its loopback address as its only candidate."""
    with mock.patch("aioice.ice.get_host_addresses", return_value=[LOOPBACK]):
        await caller.peer.setLocalDescription(await caller.peer.createOffer())
    return caller.peer.localDescription.sdp


Post = Callable[[httpx2.AsyncClient, str], Any]


async def dial(caller: RtcCaller, url: str, post: Post | None = None) -> httpx2.Response:
    """Post the offer, and connect by the answer; by GA's multipart, unless told otherwise."""
    offer = await offer_of(caller)
    async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S) as http:
        response: httpx2.Response = await (post or multipart())(http, offer)
    if response.status_code == 201:
        caller.answer = response.text
        caller.call_id = response.headers["location"].rpartition("/")[2]
        await caller.peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
    return response


def multipart(session: Event | None = None, **headers: str) -> Post:
    """GA's form."""
    body = json.dumps({"type": "realtime", "model": "gpt-realtime", **(session or {})})

    async def post(http: httpx2.AsyncClient, offer: str) -> httpx2.Response:
        parts = {"sdp": (None, offer, "application/sdp"), "session": (None, body, "application/json")}
        return await http.post("/v1/realtime/calls", files=parts, headers=headers)

    return post


def plain(path: str = "/v1/realtime/calls", **headers: str) -> Post:
    """The offer as the body."""

    async def post(http: httpx2.AsyncClient, offer: str) -> httpx2.Response:
        return await http.post(path, content=offer, headers={"content-type": "application/sdp", **headers})

    return post
