"""`antiphon check`."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from antiphon.cli.common import err, fail, out
from antiphon.client import BadAddress, ClientError
from antiphon.conformance import families, report, screen
from antiphon.conformance.bench import DEFAULT_MODEL, Target
from antiphon.conformance.case import Case
from antiphon.conformance.manner import PATIENCE_S, Manner
from antiphon.conformance.run import Outcome, Round, Verdict, ask, judge, reach
from antiphon.conformance.sound import speech
from antiphon.conformance.traces import kept
from antiphon.recording import BadRecording

T = TypeVar("T")

Urls = Annotated[list[str] | None, typer.Argument(metavar="URL...", help="Servers, side by side.", show_default=False)]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--api-key",
        envvar=["ANTIPHON_API_KEY", "OPENAI_API_KEY"],
        show_envvar=False,
        help="The key to show; once, or once for each URL. (env: ANTIPHON_API_KEY, OPENAI_API_KEY)",
    ),
]
Models = Annotated[list[str] | None, typer.Option("--model", help="The model to ask for; once, or for each URL.")]
Names = Annotated[list[str] | None, typer.Option("--name", help="What to call the server; once for each URL.")]
Families = Annotated[list[str] | None, typer.Option("--family", help="Only these families.")]
Junit = Annotated[Path | None, typer.Option(help="Where to write a JUnit XML file.")]
Json = Annotated[Path | None, typer.Option(help="Where to write a JSON file.")]
Markdown = Annotated[Path | None, typer.Option("--report", help="Where to write a Markdown report.")]
Ids = Annotated[list[str] | None, typer.Option("--case", help="Only these cases.")]


def check(
    urls: Urls = None,
    *,
    api_key: Keys = None,
    model: Models = None,
    name: Names = None,
    family: Families = None,
    case: Ids = None,
    listing: Annotated[bool, typer.Option("--list", help="Only list the cases, with their rules.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be asked, and its cost.")] = False,
    budget: Annotated[int | None, typer.Option(help="Tokens to spend at each server at most.")] = None,
    junit: Junit = None,
    json: Json = None,
    markdown: Markdown = None,
    record: Annotated[Path | None, typer.Option(help="Folder to keep all traces in.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Judge the recordings in this folder, without a server.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for what is due.")] = PATIENCE_S,
    jobs: Annotated[int, typer.Option(min=1, help="Cases at once, at each server.")] = 1,
    pace: Annotated[float, typer.Option(min=0, help="How many times real time to send audio at; 0: at once.")] = 1.0,
) -> None:
    """Ask a Realtime server whether it keeps the rules of the protocol, or several, side by side."""
    cases = _chosen(family or [], case or [])
    if listing or dry_run:
        out().print(screen.costs(cases) if dry_run else screen.listing(cases))
    elif replay is not None:
        _tell([(Target("", name=replay.name), _replayed(replay, cases))], junit, json, markdown)
    else:
        targets = _targets(urls or [], api_key or [], model or [], name or [])
        voice = speech() if any(each.cost.heard_s for each in cases) else b""
        plan = Round(cases, Manner(timeout, pace, voice), jobs, budget, record)
        _tell(_asked(targets, plan), junit, json, markdown)


def _tell(columns: report.Columns, junit: Path | None, json: Path | None, markdown: Path | None) -> None:
    """Show what was found, write the reports, and end the command."""
    out().print(screen.summary(columns))
    _write(junit, report.as_junit(columns).encode)
    _write(json, lambda: report.as_json(columns))
    _write(markdown, report.as_markdown(columns).encode)
    raise typer.Exit(any(v.outcome is Outcome.FAILED for _, verdicts in columns for v in verdicts))


def _chosen(names: Sequence[str], ids: Sequence[str]) -> tuple[Case, ...]:
    """The cases of these families and these ids; all without any."""
    for given, known, flag in ((names, families.NAMES, "--family"), (ids, families.IDS, "--case")):
        for each in given:
            if each not in known:
                listed = ", ".join(known) if flag == "--family" else "`antiphon check --list` names them all"
                raise typer.BadParameter(f"there is no {each}; {listed}", param_hint=flag)
    return families.chosen(names, ids)


def _targets(
    urls: Sequence[str], keys: Sequence[str], models: Sequence[str], names: Sequence[str]
) -> tuple[Target, ...]:
    if not urls:
        raise typer.BadParameter("give the URL of a server, such as ws://localhost:8000/v1/realtime", param_hint="URL")
    each_key = _for_each(urls, keys, "--api-key", None)
    each_model = _for_each(urls, models, "--model", DEFAULT_MODEL)
    if names and len(names) != len(urls):
        raise typer.BadParameter("give a name for each URL, or none", param_hint="--name")
    given = zip(urls, names or [""] * len(urls), each_key, each_model, strict=True)
    targets = tuple(Target(url, name, key, model) for url, name, key, model in given)
    try:
        titles = {target.title for target in targets}
    except BadAddress as error:
        raise typer.BadParameter(str(error), param_hint="URL") from None
    if len(titles) < len(targets):
        raise typer.BadParameter("two servers have the same address: tell them apart by --name", param_hint="URL")
    return targets


def _for_each(urls: Sequence[str], given: Sequence[str], flag: str, default: T) -> Sequence[str | T]:
    """One value for each URL, from none, one for all, or one for each."""
    if len(given) not in {0, 1, len(urls)}:
        raise typer.BadParameter("give it once, or once for each URL", param_hint=flag)
    return given if len(given) == len(urls) else [given[0] if given else default] * len(urls)


def _asked(targets: Sequence[Target], plan: Round) -> report.Columns:
    try:
        return asyncio.run(_ask_all(targets, plan))
    except ClientError as error:
        fail(f"error: {error}")
    except OSError as error:
        fail(f"error: the traces cannot be kept: {error}")
    raise typer.Exit(130)


async def _ask_all(targets: Sequence[Target], plan: Round) -> report.Columns:
    for target in targets:
        await reach(target, plan.manner.patience_s)
    with screen.Board(err(), targets, plan.cases) as board:
        telling = replace(plan, tell=board.tell)
        verdicts = await asyncio.gather(*(ask(target, telling) for target in targets))
    return list(zip(targets, verdicts, strict=True))


def _replayed(folder: Path, cases: Sequence[Case]) -> Sequence[Verdict]:
    try:
        return judge(kept(folder), [case for case in cases if case.judge is not None])
    except (BadRecording, OSError) as error:
        fail(f"error: {error}")
        raise


def _write(path: Path | None, make: Callable[[], bytes]) -> None:
    if path is None:
        return
    try:
        path.write_bytes(make())
    except OSError as error:
        fail(f"error: {path} cannot be written: {error.strerror}")
