"""The socket that a process listens on."""

import pytest

from antiphon.transports.listening import Unbindable, address_of, bound, in_url


def test_an_address_that_cannot_be_had_is_two_lines() -> None:
    """Taken port, foreign address."""
    with bound("127.0.0.1", 0) as sock:
        port = int(address_of(sock).rpartition(":")[2])
        with pytest.raises(
            Unbindable, match=rf"127\.0\.0\.1:{port} is taken by another program\.\nhint: choose another"
        ):
            bound("127.0.0.1", port).__enter__()
    with pytest.raises(Unbindable, match=r"192\.0\.2\.1:0 cannot be listened on: .*\nhint: check --host"):
        bound("192.0.2.1", 0).__enter__()


def test_ipv6_is_written_as_in_urls() -> None:
    """`--host ::1`."""
    assert in_url("::1", 80) == "[::1]:80"
    assert in_url("127.0.0.1", 80) == "127.0.0.1:80"
