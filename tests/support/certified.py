"""A certificate for this machine, and a server's settings with it."""

from dataclasses import dataclass
from pathlib import Path

import trustme

from antiphon.config import Server


@dataclass(frozen=True)
class Certified:
    """Files in PEM: the server's settings name its own, clients need the authority's."""

    server: Server
    authority: Path


def certified(folder: Path) -> Certified:
    """A new certificate for 127.0.0.1."""
    made = trustme.CA()
    issued = made.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(folder / "cert.pem", append=number > 0)
    made.cert_pem.write_to_path(folder / "authority.pem")
    server = Server(tls_certificate=str(folder / "cert.pem"), tls_key=str(folder / "key.pem"))
    return Certified(server, folder / "authority.pem")
