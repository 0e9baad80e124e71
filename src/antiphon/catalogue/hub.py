"""Weights from a model hub, through `huggingface_hub` (extra `hub`) and in the hub's own cache.

The library brings endpoint, token, proxy, resume, locks and its own progress bars (`HF_*` variables); we add the
check that each large file is what its name in the cache says: the SHA-256 under which the hub stores it.
"""

from pathlib import Path
from types import ModuleType

import httpx2

from antiphon.catalogue.entries import Entry, FromHub
from antiphon.catalogue.errors import PullError
from antiphon.catalogue.fetch import digest_of, explained

SHA256_LENGTH = 64
"""In hex. Small files are named by their git hash, which is shorter."""


def pull(entry: Entry, source: FromHub) -> Path:
    """Fetch what is missing and return the path. Raises `PullError`."""
    hub = _library()
    if hub is None:
        raise PullError(f'"{entry.name}" comes from a model hub.', 'first: pip install "antiphon[hub]"')
    try:
        for name in source.files:  # not a snapshot, which would list the whole repository first
            hub.hf_hub_download(source.repo, name, revision=source.revision)
    except httpx2.HTTPError as error:
        raise _refused(entry, error) from None
    except OSError as error:  # with a number from the disk; without one it is the library's "not here, and offline"
        raise (explained(error, Path(hub.constants.HF_HUB_CACHE)) if error.errno else _refused(entry, error)) from None
    path = find(source)
    if path is None:
        raise PullError(f"The hub has not all files of {source.repo} ({source.revision}).", "please report it")
    for file in files_of(source):
        _check(entry, file)
    return path


def find(source: FromHub) -> Path | None:
    """The file, or the folder of the files; None unless all of them are in the cache."""
    files = files_of(source)
    if len(files) < len(source.files):
        return None
    return files[0] if len(files) == 1 else _common_folder(files[0], source.files[0])


def files_of(source: FromHub) -> list[Path]:
    """The files of an entry that are in the cache."""
    hub = _library()
    if hub is None:
        return []
    found = (hub.try_to_load_from_cache(source.repo, name, revision=source.revision) for name in source.files)
    return [Path(path) for path in found if isinstance(path, str)]


def remove(source: FromHub) -> int:
    """Delete an entry's files from the cache; returns how many bytes that freed."""
    freed = 0
    for link in files_of(source):
        blob = link.resolve()
        freed += blob.stat().st_size
        link.unlink()
        blob.unlink(missing_ok=True)
    return freed


def _library() -> ModuleType | None:
    try:
        import huggingface_hub  # noqa: PLC0415 -- an extra, and slow to import
    except ImportError:
        return None
    return huggingface_hub


def _common_folder(path: Path, name: str) -> Path:
    """The root of the snapshot that holds the file `name`."""
    return path.parents[len(Path(name).parts) - 1]


def _check(entry: Entry, file: Path) -> None:
    blob = file.resolve()
    promised = blob.name
    if len(promised) != SHA256_LENGTH or digest_of(blob) == promised:
        return
    blob.unlink()
    file.unlink(missing_ok=True)
    raise PullError(
        f'{file.name} of "{entry.name}" does not have the SHA-256 that the hub promises; it was thrown away.',
        "run the command again",
    )


def _refused(entry: Entry, error: Exception) -> PullError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return PullError(
        f'"{entry.name}" cannot be fetched: {reason.rstrip(".")}.', "check the network, HF_ENDPOINT, HF_TOKEN"
    )
