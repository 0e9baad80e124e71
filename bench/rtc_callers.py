"""Callers over WebRTC: aiortc, with packets that were encoded beforehand, and a clock on all that comes back.

Times are `time.monotonic`, which on Linux is one clock for all processes.
"""

import asyncio
import fractions
import json
import random
import time
from collections.abc import Sequence
from typing import Any
from unittest import mock

import av
import httpx2
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket as Received
from aiortc.rtp import is_rtcp

from antiphon.audio.opus import FRAME_BYTES, FRAME_MS, OpusDecoder, OpusEncoder
from antiphon.audio.pcm import to_float
from antiphon.transports.webrtc.hearing import Hearing
from antiphon.transports.webrtc.rtp import RtpPacket

LINE_HZ = 48_000
LOUD = 0.005
"""Root mean square above which a packet is sound: answers are far above, faded-out silence is far below."""
PATIENCE_S = 30.0

Event = dict[str, Any]


def encoded(pcm: bytes) -> tuple[bytes, ...]:
    """The packets of a clip."""
    encoder = OpusEncoder()
    pcm += bytes(-len(pcm) % FRAME_BYTES)
    return tuple(encoder.encode(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES))


class Line(MediaStreamTrack):
    """Sends packets in real time, one in 20 ms; nothing while there is none."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: asyncio.Queue[bytes] = asyncio.Queue()
        self._began = time.monotonic()
        self._next = 0
        self.first_sent: float | None = None
        """When the first packet since `speak` was given to the sender."""

    def speak(self, packets: Sequence[bytes]) -> None:
        """Send these, from now on."""
        self.first_sent = None
        for packet in packets:
            self._packets.put_nowait(packet)

    async def recv(self) -> av.Packet:
        """The next packet, when its time has come."""
        payload = await self._packets.get()
        now = (time.monotonic() - self._began) * 1000 / FRAME_MS
        self._next = max(self._next + 1, int(now))
        await asyncio.sleep(max(0.0, self._began + self._next * FRAME_MS / 1000 - time.monotonic()))
        packet = av.Packet(payload)
        packet.pts, packet.time_base = self._next * LINE_HZ * FRAME_MS // 1000, fractions.Fraction(1, LINE_HZ)
        self.first_sent = self.first_sent or time.monotonic()
        return packet


class RtcCall:
    """One call. `loss` is the share of packets that is lost, each way."""

    def __init__(self, url: str, loss: float = 0.0, seed: int = 0, *, keeps: bool = False) -> None:
        self.events: asyncio.Queue[tuple[float, Event]] = asyncio.Queue()
        self.line = Line()
        self.sounded: list[float] = []
        """When packets with sound arrived."""
        self.heard = bytearray()
        """What a listener with concealment heard, where it is kept."""
        self.ready = asyncio.Event()
        self._url = url
        self._loss = loss
        self._chance = random.Random(seed)  # noqa: S311 -- no secrets
        self._judge = OpusDecoder()
        self._hearing = Hearing(OpusDecoder(), LINE_HZ, time.monotonic()) if keeps else None
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.addTrack(self.line)
        self.channel = self._peer.createDataChannel("oai-events")
        self.channel.on("message", self._on_message)
        self.channel.on("open", self.ready.set)

    async def dial(self) -> None:
        """Connect, and wait for the data channel."""
        with mock.patch("aioice.ice.get_host_addresses", return_value=["127.0.0.1"]):
            await self._peer.setLocalDescription(await self._peer.createOffer())
        headers = {"content-type": "application/sdp"}
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
            answer = await http.post(self._url, content=self._peer.localDescription.sdp, headers=headers)
        answer.raise_for_status()
        self._hook()
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        async with asyncio.timeout(PATIENCE_S):
            await self.ready.wait()

    async def close(self) -> None:
        """Hang up."""
        await self._peer.close()

    def say(self, kind: str, **keys: Any) -> None:
        """Send an event."""
        self.channel.send(json.dumps({"type": kind, **keys}))

    def ask(self, text: str) -> None:
        """Have the server answer these words, whatever was said."""
        content = [{"type": "input_text", "text": text}]
        self.say("response.create", response={"input": [{"type": "message", "role": "user", "content": content}]})

    async def until(self, *kinds: str) -> tuple[float, Event]:
        """The next event of one of these types, and when it came."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                at, event = await self.events.get()
                if event["type"] == "error":
                    raise RuntimeError(str(event["error"]))
                if event["type"] in kinds:
                    return at, event

    def _on_message(self, message: str) -> None:
        self.events.put_nowait((time.monotonic(), json.loads(message)))

    def _hook(self) -> None:
        """Lose packets, and look at those that come."""
        (transceiver,) = self._peer.getTransceivers()
        receiver, transport = transceiver.receiver, transceiver.sender.transport
        take, send = receiver._handle_rtp_packet, transport._send_rtp  # noqa: SLF001 -- a network, not a program

        async def taking(packet: Received, arrival_time_ms: int) -> None:
            if self._chance.random() >= self._loss:
                self._look(packet)
                await take(packet, arrival_time_ms)

        async def sending(data: bytes) -> None:
            if is_rtcp(data) or self._chance.random() >= self._loss:
                await send(data)

        receiver._handle_rtp_packet, transport._send_rtp = taking, sending  # type: ignore[method-assign]  # noqa: SLF001

    def _look(self, packet: Received) -> None:
        now = time.monotonic()
        sound = to_float(self._judge.decode(packet.payload))
        if float((sound**2).mean()) ** 0.5 > LOUD:
            self.sounded.append(now)
        if self._hearing is not None:
            taken = RtpPacket(
                packet.payload_type, packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload
            )
            self.heard += self._hearing.take(taken, now)
