"""The `tone` engines behind an OpenAI-compatible URL, for servers that take engines by URL: same input, same output.

`python bench/tone_engines.py --port 9200` serves `chat/completions` (streamed, with tools), `audio/transcriptions` and
`audio/speech`. A conformance run gives them to every server alike, so that no server is judged by its model.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from antiphon.audio import wav
from antiphon.engines.tone import ToneTTS
from antiphon.engines.tone_llm import Plan, plan_of
from antiphon.ports import Prompt
from antiphon.protocol.items import FunctionCallOutput, InputText, Item, Message, OutputText
from antiphon.protocol.session import FunctionTool, ToolChoiceFunction

HEARD = "Tell me about the weather."
WAV_HEADER = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\xc0\x5d\0\0\x80\xbb\0\0\2\0\x10\0data\xff\xff\xff\xff"
"""24 kHz mono, of a length that nobody knows yet."""


async def transcribe(request: Request) -> Response:
    """Words for what is loud, none for silence."""
    form = await request.form()
    data = await form["file"].read()  # type: ignore[union-attr]  # a file, by the API
    try:
        pcm = wav.decode(data)
    except wav.WavError:
        pcm = data
    loud = any(abs(int.from_bytes(pcm[at : at + 2], "little", signed=True)) > 1000 for at in range(0, len(pcm) - 1, 48))
    return JSONResponse({"text": HEARD if loud else ""})


async def chat(request: Request) -> Response:
    """The answer of the tone engine."""
    wish = await request.json()
    plan = plan_of(prompt_of(wish))
    if wish.get("stream"):
        return StreamingResponse(_streamed(plan, wish), media_type="text/event-stream")
    return JSONResponse(_whole(plan, wish))


async def speak(request: Request) -> Response:
    """Sound, as long as the text would be."""
    wish = await request.json()
    is_wav = wish.get("response_format") == "wav"
    return StreamingResponse(_sound(wish["input"], is_wav=is_wav), media_type="audio/wav" if is_wav else "audio/pcm")


async def _sound(text: str, *, is_wav: bool) -> AsyncIterator[bytes]:
    if is_wav:
        yield WAV_HEADER
    async for pcm in ToneTTS().speak(text, "mid", 1.0):
        yield pcm


def prompt_of(wish: dict[str, Any]) -> Prompt:
    """What the engine is asked, from a request for a chat completion."""
    messages = wish["messages"]
    tools = tuple(FunctionTool(name=tool["function"]["name"]) for tool in wish.get("tools") or [])
    limit = wish.get("max_completion_tokens") or wish.get("max_tokens")
    choice: Any = (wish.get("tool_choice") or "auto") if tools else "none"
    return Prompt(
        session_id="",
        instructions=" ".join(_text(each) for each in messages if each["role"] in {"system", "developer"}),
        items=tuple(item for each in messages if (item := _item(each)) is not None),
        tools=tools,
        tool_choice=ToolChoiceFunction(name=choice["function"]["name"]) if isinstance(choice, dict) else choice,
        max_output_tokens=limit,
    )


def _item(message: dict[str, Any]) -> Item | None:
    match message["role"]:
        case "user":
            return Message(role="user", content=(InputText(text=_text(message)),))
        case "assistant" if message.get("content"):
            return Message(role="assistant", content=(OutputText(text=_text(message)),))
        case "tool":
            return FunctionCallOutput(call_id=message["tool_call_id"], output=_text(message))
    return None


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def _deltas(plan: Plan, limit: int | None) -> tuple[list[dict[str, Any]], str]:
    words = plan.text.split(" ") if plan.text else []
    cut = limit is not None and len(words) > limit
    shown = words[:limit] if cut else words
    deltas: list[dict[str, Any]] = [{"content": word if not n else f" {word}"} for n, word in enumerate(shown)]
    for n, call in enumerate(plan.calls):
        function = {"name": call.name, "arguments": call.arguments}
        deltas.append({"tool_calls": [{"index": n, "id": call.call_id, "type": "function", "function": function}]})
    return deltas, "length" if cut else "tool_calls" if plan.calls else "stop"


async def _streamed(plan: Plan, wish: dict[str, Any]) -> AsyncIterator[bytes]:
    deltas, finish = _deltas(plan, wish.get("max_completion_tokens") or wish.get("max_tokens"))
    for delta in deltas:
        await asyncio.sleep(plan.token_ms / 1000)
        yield _chunk(wish, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(wish, [{"index": 0, "delta": {}, "finish_reason": finish}])
    if (wish.get("stream_options") or {}).get("include_usage"):
        yield _chunk(wish, [], usage=_usage(len(deltas)))
    yield b"data: [DONE]\n\n"


def _whole(plan: Plan, wish: dict[str, Any]) -> dict[str, Any]:
    deltas, finish = _deltas(plan, wish.get("max_completion_tokens") or wish.get("max_tokens"))
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    message = {"role": "assistant", "content": plan.text or None, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {**_head(wish, "chat.completion"), "choices": [choice], "usage": _usage(len(deltas))}


def _usage(written: int) -> dict[str, int]:
    return {"prompt_tokens": 20, "completion_tokens": written, "total_tokens": 20 + written}


def _head(wish: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "c", "object": kind, "created": 0, "model": wish.get("model", "tone")}


def _chunk(wish: dict[str, Any], choices: list[Any], **more: Any) -> bytes:
    return f"data: {json.dumps({**_head(wish, 'chat.completion.chunk'), 'choices': choices, **more})}\n\n".encode()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9200)
    routes = [
        Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/audio/speech", speak, methods=["POST"]),
    ]
    uvicorn.run(Starlette(routes=routes), port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
