"""`antiphon talk`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.common import out
from antiphon.talk import DEFAULT_MODEL, DEFAULT_URL, TalkOptions, Vad
from antiphon.talk import talk as converse

Defaults = TalkOptions()


def talk(
    wav: Annotated[
        Path | None, typer.Argument(help="A question to play, at any rate; without it: the microphone.")
    ] = None,
    *,
    url: Annotated[
        str, typer.Option(envvar="OPENAI_BASE_URL", show_envvar=False, help="The server. (env: OPENAI_BASE_URL)")
    ] = DEFAULT_URL,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar=["ANTIPHON_API_KEY", "OPENAI_API_KEY"],
            show_envvar=False,
            help="The key to show. (env: ANTIPHON_API_KEY, OPENAI_API_KEY)",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="The model to ask for.")] = DEFAULT_MODEL,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to save the answer.  [default: QUESTION.answer.wav]")
    ] = None,
    instructions: Annotated[str | None, typer.Option(help="Who the model should be.")] = None,
    voice: Annotated[str | None, typer.Option(help="The voice that answers.")] = None,
    vad: Annotated[
        str, typer.Option(help="server_vad, semantic_vad, or none: the whole recording is one turn.")
    ] = "server_vad",
    silence_ms: Annotated[int, typer.Option(help="Silence that ends a turn.")] = Defaults.silence_ms,
    transcription_model: Annotated[
        str, typer.Option(help='Who writes down what you said; "none": nobody.')
    ] = Defaults.transcription_model or "none",
    chunk_ms: Annotated[int, typer.Option(help="How much audio is sent at once.")] = Defaults.chunk_ms,
    play: Annotated[bool, typer.Option("--play", help="Play the answer to a WAV.")] = False,
    half_duplex: Annotated[bool, typer.Option("--half-duplex", help="Do not listen while the answer plays.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a sign of life.")] = Defaults.timeout_s,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per turn.")] = False,
) -> None:
    """Say something to a Realtime server, hear the answer, and see where the milliseconds went."""
    options = TalkOptions(
        wav=wav,
        url=url,
        api_key=api_key,
        model=model,
        out=out_file,
        instructions=instructions,
        voice=voice,
        vad=_vad(vad),
        silence_ms=silence_ms,
        transcription_model=None if transcription_model == "none" else transcription_model,
        chunk_ms=chunk_ms,
        play=play,
        half_duplex=half_duplex,
        timeout_s=timeout,
        json=as_json,
    )
    raise typer.Exit(asyncio.run(converse(options, out())))


def _vad(text: str) -> Vad:
    match text:
        case "server_vad" | "semantic_vad" | "none":
            return text
        case _:
            raise typer.BadParameter("choose server_vad, semantic_vad or none", param_hint="--vad")
