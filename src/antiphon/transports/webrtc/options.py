"""What an operator decides about calls over WebRTC."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebRTCOptions:
    """Defaults serve callers on this machine and on its network."""

    public_address: str | None = None
    """The address that callers reach this machine by, where it is not one of its own."""
    loopback: bool = True
    """Whether callers on this machine are offered its loopback address."""
    udp_ports: tuple[int, int] = (0, 0)
    """The first and the last port for media; (0, 0) leaves the choice to the system."""
    stun_server: str | None = None
    """`HOST` or `HOST:PORT`."""
    turn_server: str | None = None
    """`HOST` or `HOST:PORT`, over UDP."""
    turn_username: str | None = None
    turn_password: str | None = None
    max_calls: int = 200
    max_half_open: int = 50
    setup_s: float = 20.0
    """How long a call may take until it is connected."""
    lost_s: float = 30.0
    """How long a caller may be out of reach before the call is over."""
    channel_s: float = 5.0
    """How long a connected caller may take to open its data channel; then the session begins without one."""
