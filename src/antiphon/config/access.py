"""Who may use the server: the named keys, and the rule that an open server stays on this machine."""

import ipaddress
from pathlib import Path

from antiphon.config.errors import ConfigError
from antiphon.config.settings import Server


def read_keys(server: Server) -> dict[str, str]:
    """All API keys by name, those of the file included. Raises `ConfigError` for a file that gives none."""
    keys = dict(server.api_keys)
    if server.api_key_file is not None:
        keys |= _keys_in(Path(server.api_key_file).expanduser())
    empty = next((name for name, key in keys.items() if not key.strip()), None)
    if empty is not None:
        raise ConfigError("", f'The API key "{empty}" is empty.', "give it a value, or take it out")
    return keys


def _keys_in(file: Path) -> dict[str, str]:
    try:
        lines = [line.split() for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(
            str(file), f"the API keys cannot be read: {reason.lower()}.", "check --api-key-file"
        ) from None
    rows = [words for words in lines if not words[0].startswith("#")]
    if not rows or any(len(words) > 2 for words in rows):
        raise ConfigError(str(file), "no API keys of the form KEY or NAME KEY, one a line.", "check --api-key-file")
    names = (
        words[0] if len(words) == 2 else file.stem if number == 0 else f"{file.stem}-{number + 1}"
        for number, words in enumerate(rows)
    )
    return dict(zip(names, (words[-1] for words in rows), strict=True))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_bind(host: str, keys: dict[str, str]) -> None:
    """Refuse to serve other machines without a key. Raises `ConfigError`."""
    if not keys and not is_loopback(host):
        raise ConfigError(
            "",
            f"Not listening on {host} without an API key: whoever reaches the port could use the models.",
            "add --api-key KEY or --api-key-file FILE, or leave out --host",
        )
