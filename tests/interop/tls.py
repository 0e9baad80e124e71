"""TLS in front of a server, as a reverse proxy has it, with a certificate of our own."""

import asyncio
import contextlib
import ssl
import subprocess
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Certificate:
    """For 127.0.0.1, signed by itself."""

    file: Path
    key: Path


def certificate(folder: Path) -> Certificate:
    """A new one."""
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    wanted = ["-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(["openssl", "req", "-x509", *wanted, *named], check=True, capture_output=True, timeout=60)
    return made


@asynccontextmanager
async def behind_tls(url: str, shown: Certificate) -> AsyncIterator[str]:
    """The server at `url` under another address, which begins with `https`."""
    host, _, port = url.removeprefix("http://").partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.file, shown.key)

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pass_on(reader, there_writer))
            tasks.create_task(_pass_on(there_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    """Until one side has gone."""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    writer.close()
