"""ICE for one call, by aioice: its own ports, its own candidates, and a door that opens to checked addresses only.

aioice hands every datagram that is no STUN, from whomever, to an unbounded queue. Here a datagram passes when its
sender has shown the call's password in a connectivity check, or has answered one of ours; all others end at once.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import (
    CandidatePair,
    StunProtocol,
    relayed_candidate,
    server_reflexive_candidate,
)
from aioice.stun import Message, TransactionError

from antiphon.transports.webrtc.offer import Transport
from antiphon.transports.webrtc.options import WebRTCOptions

MAX_CHECKED = 32
"""Addresses that one caller may come from at once; a caller has a few networks, each with a few addresses."""
PORT_TRIES = 20
"""How many ports of the range are tried; a range so full is better widened."""
SERVER_LIMIT_S = 3.0
"""How long a STUN or TURN server may keep an answer waiting."""
CONSENTS_PER_LOSS = 6
"""How often a caller is asked whether it is still there within the time after which it counts as lost (RFC 7675)."""
STUN_PORT = 3478
LOOPBACK = "127.0.0.1"
PUBLIC, NETWORK, SAME_MACHINE = 65_535, 65_000, 1_000
"""Which of our addresses are tried first, as candidates tell it."""

_LAST_STUN_BYTE = 3
"""The first byte of STUN, by RFC 7983."""


class NoPort(OSError):
    """No port of the operator's range is free."""


class CallIce(Connection):
    """The ICE agent of one call; `on_datagram` is given what checked addresses send."""

    def __init__(self, options: WebRTCOptions, on_datagram: Callable[[bytes], None]) -> None:
        super().__init__(
            ice_controlling=False,
            stun_server=_host_port(options.stun_server),
            turn_server=_host_port(options.turn_server),
            turn_username=options.turn_username,
            turn_password=options.turn_password,
        )
        self.on_datagram = on_datagram
        self.lost = asyncio.Event()
        """Set when the caller can be reached no more."""
        self._options = options
        self._checked: dict[tuple[str, int], None] = {}

    def is_checked(self, address: tuple[str, int]) -> bool:
        """Whether this address has shown that it belongs to the call."""
        return address in self._checked

    async def reach(self, peer: Transport) -> None:
        """Find a way to the peer. Raises ConnectionError."""
        self.remote_username, self.remote_password = peer.ufrag, peer.password
        self.remote_is_lite = peer.is_lite
        self.ice_controlling = peer.is_lite
        for text in peer.candidates:
            candidate = _usable(text)
            if candidate is not None:
                await self.add_remote_candidate(candidate)
        await self.connect()

    def send_now(self, data: bytes) -> None:
        """Send a datagram by the chosen path; without one, it is lost, as datagrams are."""
        pair = self._nominated.get(1)
        if pair is not None:
            pair.protocol.transport.sendto(data, pair.remote_addr)

    # What aioice calls

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:  # noqa: ARG002, ASYNC109 -- aioice's signature
        """Bind the ports and gather the candidates."""
        hosts = [protocol for address in self._own(addresses) if (protocol := await self._bind(address, component))]
        if not hosts:
            raise NoPort("No UDP port could be bound for a call.")
        self._protocols += hosts
        candidates = [shown for protocol in hosts for shown in self._shown(protocol.local_candidate)]
        return candidates + await self._served(hosts, component)

    def check_incoming(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A check with the call's password has come: its sender is one of ours."""
        if "PRIORITY" not in message.attributes:
            return
        self._admit(addr)
        super().check_incoming(message, addr, protocol)

    def check_complete(self, pair: CandidatePair) -> None:
        """A check of ours has ended."""
        if pair.state is CandidatePair.State.SUCCEEDED:
            self._admit(pair.remote_addr)
        super().check_complete(pair)

    def data_received(self, data: bytes, component: int) -> None:
        """What looks like STUN and is none."""

    async def query_consent(self) -> None:
        """Ask the peer whether it still wants what we send, until it does not answer any more."""
        interval_s = self._options.lost_s / CONSENTS_PER_LOSS
        failures = 0
        while failures < CONSENTS_PER_LOSS:
            await asyncio.sleep(interval_s * (0.8 + 0.4 * random.random()))  # noqa: S311 -- so that calls do not ask in step
            for pair in tuple(self._nominated.values()):
                failures = 0 if await self._consents(pair) else failures + 1
        self.lost.set()

    # Own

    async def _consents(self, pair: CandidatePair) -> bool:
        request = self.build_request(pair, nominate=False)
        key = (self.remote_password or "").encode()
        try:
            await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=0)
        except TransactionError:
            return False
        return True

    def _admit(self, address: tuple[str, int]) -> None:
        self._checked[address] = None
        if len(self._checked) > MAX_CHECKED:
            del self._checked[next(iter(self._checked))]

    def _own(self, addresses: list[str]) -> list[str]:
        """The local addresses to bind: those of the network, and of this machine where callers may be on it."""
        return [*addresses, LOOPBACK] if self._options.loopback or not addresses else addresses

    async def _bind(self, address: str, component: int) -> "GuardedProtocol | None":
        loop = asyncio.get_running_loop()
        for port in self._ports():
            with contextlib.suppress(OSError):
                _, protocol = await loop.create_datagram_endpoint(lambda: GuardedProtocol(self), (address, port))
                host, bound = protocol.transport.get_extra_info("sockname")[:2]
                preference = SAME_MACHINE if host == LOOPBACK else NETWORK
                protocol.local_candidate = _host_candidate(component, host, bound, preference)
                return protocol
        return None

    def _ports(self) -> list[int]:
        first, last = self._options.udp_ports
        return random.sample(range(first, last + 1), min(PORT_TRIES, last + 1 - first)) if first else [0]

    def _shown(self, host: Candidate) -> list[Candidate]:
        """What the peer is told of a local address: the operator's public one comes first."""
        public = self._options.public_address
        if public is None or host.host == LOOPBACK or (":" in public) != (":" in host.host):
            return [host]
        return [_host_candidate(host.component, public, host.port, preference=PUBLIC), host]

    async def _served(self, hosts: "list[GuardedProtocol]", component: int) -> list[Candidate]:
        """Candidates that STUN and TURN servers give; those that do not answer in time give none."""
        asked: list[Any] = []
        if self.stun_server is not None:
            outward = [host for host in hosts if host.local_candidate.host != LOOPBACK]
            asked += [server_reflexive_candidate(host, self.stun_server) for host in outward if _is_v4(host)]
        if self.turn_server is not None:
            asked.append(
                relayed_candidate(
                    component=component,
                    hide_related_address=False,
                    protocol_factory=lambda: GuardedProtocol(self),
                    turn_server=self.turn_server,
                    turn_username=self.turn_username,
                    turn_password=self.turn_password,
                    turn_ssl=False,
                    turn_transport="udp",
                )
            )
        answers = await asyncio.gather(
            *(asyncio.wait_for(one, SERVER_LIMIT_S) for one in asked), return_exceptions=True
        )
        given = [answer for answer in answers if not isinstance(answer, BaseException)]
        self._protocols += [protocol for _, protocol in given if protocol is not None]
        return [candidate for candidate, _ in given]


class GuardedProtocol(StunProtocol):
    """One socket of a call."""

    receiver: CallIce

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Give STUN to aioice, and the rest to the call if its sender belongs to it."""
        if not data or isinstance(data, str):
            return
        if data[0] <= _LAST_STUN_BYTE:
            super().datagram_received(data, addr)
        elif self.receiver.is_checked((addr[0], addr[1])):
            self.receiver.on_datagram(data)


def _host_candidate(component: int, host: str, port: int, preference: int = NETWORK) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host", preference),
        host=host,
        port=port,
        type="host",
    )


def _usable(text: str) -> Candidate | None:
    """A candidate of the peer that packets can be sent to. Names are not resolved: they are the peer's to choose."""
    try:
        candidate = Candidate.from_sdp(text)
    except (ValueError, IndexError, AssertionError):
        return None
    is_ours = candidate.transport.lower() == "udp" and candidate.component == 1 and 0 < candidate.port < 65_536
    return candidate if is_ours and not candidate.host.rstrip(".").endswith(".local") else None


def _host_port(server: str | None) -> tuple[str, int] | None:
    if not server:
        return None
    host, _, port = server.rpartition(":") if server.rpartition(":")[2].isdecimal() else (server, "", "")
    return (host.strip("[]"), int(port)) if port else (server, STUN_PORT)


def _is_v4(protocol: StunProtocol) -> bool:
    return ":" not in protocol.local_candidate.host
