"""A chat endpoint over real HTTP: well-behaved, strict, slow and broken ones."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from answering import CLOCK, WEATHER, asking, assistant, broken, deltas_of, run_async, text_in, until, user
from chat_server import DONE, USAGE, ChatServer, Script, event, refusing, saying, sending, serving

from antiphon.engines import registry
from antiphon.engines.openai_chat import OpenAIChat, make
from antiphon.engines.registry import EngineSpec, SetupError
from antiphon.ports import LLM, CallDelta, Delta, Ending, EngineError, Prompt, TextDelta, Usage
from antiphon.protocol.items import FunctionCall, FunctionCallOutput, InputImage, InputText, Message
from antiphon.protocol.session import ToolChoiceFunction

T = TypeVar("T")
HELLO = [TextDelta("Hello"), TextDelta(" there.")]
PICTURE = Message(
    role="user", content=(InputText(text="What is it?"), InputImage(image_url="data:image/png;base64,AA=="))
)


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    with serving() as chat:
        yield chat


@pytest.fixture
def chat(running: ChatServer) -> ChatServer:
    running.requests.clear()
    running.headers.clear()
    running.scripts.clear()
    running.clients.clear()
    running.dropped.clear()
    return running


def using(chat: ChatServer, main: Callable[[OpenAIChat], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Run something with a started engine."""

    async def whole() -> T:
        llm = make(EngineSpec("llm", "openai", chat.url, "tiny", {"timeout_s": 5, **options}, text="openai:…#tiny"))
        await llm.start()
        try:
            return await main(llm)
        finally:
            await llm.stop()

    return run_async(whole)


def ask(chat: ChatServer, script: Script, prompt: Prompt | None = None, **options: Any) -> tuple[list[Delta], Usage]:
    chat.scripts.append(script)

    async def main(llm: OpenAIChat) -> tuple[list[Delta], Usage]:
        run = llm.run(prompt or asking("Hi."))
        return await deltas_of(run), run.usage

    return using(chat, main, **options)


def failing(chat: ChatServer, script: Script, **options: Any) -> tuple[list[Delta], EngineError]:
    """What came before the failure, and the failure."""
    chat.scripts.append(script)
    got, error = using(chat, lambda llm: broken(llm.run(asking("Hi."))), **options)
    assert isinstance(error, EngineError)
    return got, error


def asked(chat: ChatServer, prompt: Prompt, **options: Any) -> dict[str, Any]:
    """The request that a prompt becomes."""
    ask(chat, saying("Ok."), prompt, **options)
    return chat.requests[-1]


# Answers


def test_words_and_usage_come_as_the_endpoint_tells(chat: ChatServer) -> None:
    """Streamed, with the cached tokens."""
    assert ask(chat, saying("Hello", " there.")) == (HELLO, Usage(30, 20, 5))


def test_a_plain_request(chat: ChatServer) -> None:
    """The model, the messages and the wish for usage; what the client left open is left open."""
    request = asked(chat, asking("Hi.", instructions="Be brief."))

    assert request == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_the_client_set_is_passed_on(chat: ChatServer) -> None:
    """Limits, temperature, effort; and what the operator added for this endpoint."""
    prompt = asking("Hi.", max_output_tokens=9, temperature=0.7, reasoning_effort="low")

    request = asked(chat, prompt, extra_body={"keep_alive": "1h"}, headers={"x-team": "a"}, api_key="sk-1")

    assert (request["max_tokens"], request["temperature"], request["reasoning_effort"]) == (9, 0.7, "low")
    assert request["keep_alive"] == "1h"
    assert chat.headers[-1]["x-team"] == "a"
    assert chat.headers[-1]["authorization"] == "Bearer sk-1"


def test_the_conversation_is_passed_on(chat: ChatServer) -> None:
    """Calls and their outputs as chat has them."""
    call = FunctionCall(call_id="c1", name="get_weather", arguments="{}")
    prompt = asking("And now?", user("Rain?"), call, FunctionCallOutput(call_id="c1", output="no"), assistant("No."))

    assert [message["role"] for message in asked(chat, prompt)["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        (asking("Hi.", tools=(WEATHER, CLOCK)), {}),
        (asking("Hi.", tools=(WEATHER, CLOCK), tool_choice="required"), {"tool_choice": "required"}),
        (
            asking("Hi.", tools=(WEATHER, CLOCK), tool_choice=ToolChoiceFunction(name="get_time")),
            {"tool_choice": {"type": "function", "function": {"name": "get_time"}}},
        ),
        (asking("Hi.", tools=(WEATHER, CLOCK), parallel_tool_calls=False), {"parallel_tool_calls": False}),
    ],
)
def test_functions_are_passed_on(chat: ChatServer, prompt: Prompt, sent: dict[str, Any]) -> None:
    """With the choice, where it is not the default."""
    request = asked(chat, prompt)

    assert [tool["function"]["name"] for tool in request["tools"]] == ["get_weather", "get_time"]
    assert {key: request[key] for key in request if key in ("tool_choice", "parallel_tool_calls")} == sent


def test_forbidden_functions_are_not_shown(chat: ChatServer) -> None:
    """What is not there cannot be called."""
    assert "tools" not in asked(chat, asking("Hi.", tools=(WEATHER,), tool_choice="none"))


def test_pictures_go_to_endpoints_that_see(chat: ChatServer) -> None:
    """Others get the words alone."""
    prompt = Prompt("s", "", (PICTURE,))

    assert asked(chat, prompt, sees_images=True)["messages"][0]["content"][1]["type"] == "image_url"
    assert asked(chat, prompt)["messages"] == [{"role": "user", "content": "What is it?"}]


# Calls


def calls(*deltas: dict[str, Any]) -> Script:
    parts = [event({"tool_calls": [delta]}) for delta in deltas]
    return sending(*parts, event({}, "tool_calls"), event(usage=USAGE), DONE)


def test_calls_are_streamed(chat: ChatServer) -> None:
    """Name and id first, then the arguments piece by piece; two calls apart."""
    script = calls(
        {"index": 0, "id": "call_a", "function": {"name": "get_weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city":'}},
        {"index": 0, "function": {"arguments": '"Paris"}'}},
        {"index": 1, "id": "call_b", "function": {"name": "get_time", "arguments": "{}"}},
        {"index": 1},
    )

    assert ask(chat, script, asking("Hi.", tools=(WEATHER, CLOCK)))[0] == [
        CallDelta(0, "get_weather", "", "call_a"),
        CallDelta(0, "", '{"city":'),
        CallDelta(0, "", '"Paris"}'),
        CallDelta(1, "get_time", "{}", "call_b"),
        CallDelta(1),
    ]


def test_calls_that_share_an_index_are_told_apart_by_their_ids(chat: ChatServer) -> None:
    """As some servers number them; a repeated name and id is the same call."""
    script = calls(
        {"index": 0, "id": "a", "function": {"name": "get_weather", "arguments": "{"}},
        {"index": 0, "id": "a", "function": {"name": "get_weather", "arguments": "}"}},
        {"index": 0, "id": "b", "function": {"name": "get_time", "arguments": "{}"}},
        {"index": None, "function": {"name": None, "arguments": None}},
    )

    assert ask(chat, script, asking("Hi.", tools=(WEATHER, CLOCK)))[0] == [
        CallDelta(0, "get_weather", "{", "a"),
        CallDelta(0, "", "}"),
        CallDelta(1, "get_time", "{}", "b"),
        CallDelta(1),
    ]


def test_calls_written_as_text_are_found(chat: ChatServer) -> None:
    """Small models behind an endpoint do that too."""
    script = saying('{"name": "get_weather", ', '"arguments": {"city": "Paris"}}')

    assert ask(chat, script, asking("Hi.", tools=(WEATHER,)))[0] == [CallDelta(0, "get_weather", '{"city": "Paris"}')]
    assert ask(chat, saying('{"na'), asking("Hi.", tools=(WEATHER,)))[0] == [TextDelta('{"na')]


# Ends


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_cut_short_says_why(chat: ChatServer, finish: str, reason: Any) -> None:
    """After its words."""
    assert ask(chat, saying("Hello", finish=finish))[0] == [TextDelta("Hello"), Ending(reason)]


def test_a_refusal_is_an_answer(chat: ChatServer) -> None:
    """In the model's words."""
    script = sending(event({"refusal": "I will not."}), event({}, "stop"), DONE)

    assert ask(chat, script)[0] == [TextDelta("I will not.")]


def test_usage_is_estimated_where_it_is_not_told(chat: ChatServer) -> None:
    """By the length of the texts, four bytes a token."""
    prompt = asking("12345678", instructions="1234", tools=(CLOCK,))

    _, usage = ask(chat, saying("Hello", " there.", usage=None), prompt)

    assert usage.cached_tokens == 0
    assert usage.output_tokens == 4
    assert 3 + 8 < usage.input_tokens < 60


def test_usage_of_a_stopped_answer_is_estimated(chat: ChatServer) -> None:
    """Nothing before the endpoint has begun; then what was read and written."""
    chat.scripts.append(sending(event({"content": "Hello"}), then_hang=True))

    async def main(llm: OpenAIChat) -> tuple[Usage, Usage]:
        run = llm.run(asking("Hi."))
        before = run.usage
        await anext(aiter(run))
        await run.aclose()
        return before, run.usage

    before, after = using(chat, main)
    assert before == Usage()
    assert after == Usage(5, 0, 2)


def test_usage_without_details_has_nothing_cached(chat: ChatServer) -> None:
    """Many servers tell the two sums only; Ollama and others tell them in the last chunk with words."""
    script = sending(
        event({"content": "Hi"}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}), DONE
    )

    assert ask(chat, script)[1] == Usage(3, 0, 1)


# Stopping


def test_closing_an_answer_closes_its_stream(chat: ChatServer) -> None:
    """The endpoint sees that nobody listens, and stops writing."""
    chat.scripts.append(sending(event({"content": "Hello"}), then_hang=True))

    async def main(llm: OpenAIChat) -> None:
        run = llm.run(asking("Hi."))
        await anext(aiter(run))
        await run.aclose()
        await run.aclose()
        await until(chat.dropped.is_set)

    using(chat, main)


@pytest.mark.parametrize("steps", range(0, 40, 8))
def test_an_answer_can_be_cancelled_at_any_step(chat: ChatServer, steps: int) -> None:
    """Connecting, waiting or reading: nothing is left, and the next answer is fine."""
    chat.scripts += [sending(*[event({"content": "word "})] * 50, then_hang=True)] * 2

    async def main(llm: OpenAIChat) -> list[Delta]:
        run = llm.run(asking("Hi."))

        async def listen() -> None:
            try:
                await deltas_of(run)
            finally:
                await run.aclose()

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            for _ in range(steps):
                await asyncio.sleep(0.0005)
            listening.cancel()
        chat.scripts[:] = [saying("Hello", " there.")]
        return await deltas_of(llm.run(asking("Hi.")))

    assert using(chat, main) == HELLO


def test_connections_are_used_again(chat: ChatServer) -> None:
    """One after the other needs only one; several at once share the pool."""
    chat.scripts += [saying("Hello", " there.")] * 8

    async def main(llm: OpenAIChat) -> None:
        for _ in range(4):
            await deltas_of(llm.run(asking("Hi.")))
        assert len(chat.clients) == 1
        answers = await asyncio.gather(*(deltas_of(llm.run(asking("Hi."))) for _ in range(4)))
        assert answers == [HELLO] * 4

    using(chat, main)


# Failures


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (401, {"error": {"message": "Wrong key sk-secret", "code": "x"}}, "invalid_api_key", "refuses the API key"),
        (403, {"error": {"message": "no", "code": "region"}}, "region", "forbids this"),
        (404, {"error": {"message": "No model tiny."}}, "model_not_found", "No model tiny."),
        (404, {"detail": "Not Found"}, "model_not_found", "HTTP status 404"),
        (429, {"error": {"message": "Slow down.", "type": "requests"}}, "rate_limit_exceeded", "Slow down."),
        (429, {"error": {"message": "Pay.", "code": "insufficient_quota"}}, "insufficient_quota", "Pay."),
        (429, {"error": {"message": "Pay.", "type": "insufficient_quota"}}, "insufficient_quota", "Pay."),
        (400, {"error": {"message": "Too long.", "code": "context_length_exceeded"}}, "context_length_exceeded", "Too"),
        (400, {"error": "bare words"}, None, "bare words"),
        (422, ["odd"], None, "HTTP status 422"),
        (500, {"error": {"message": "Oops."}}, None, "Oops."),
        (503, "down", None, "down"),
        (502, "<html>Bad gateway</html>", None, "HTTP status 502"),
    ],
)
def test_refusals_get_the_protocols_codes(
    chat: ChatServer, status: int, body: Any, code: str | None, message: str
) -> None:
    """With the endpoint's own words, but never about keys."""
    _, error = failing(chat, refusing(status, body))

    assert error.code == code
    assert message in error.message
    assert "sk-" not in error.message


def test_the_kind_of_an_error_is_kept() -> None:
    """A client's mistake stays one, an endpoint's trouble is a server's error."""
    with serving() as chat:
        assert failing(chat, refusing(400, {"error": {"message": "bad"}}))[1].type == "invalid_request_error"
        assert failing(chat, refusing(429, {"error": {"message": "bad"}}))[1].type == "rate_limit_error"
        assert failing(chat, refusing(500, {"error": {"message": "bad"}}))[1].type == "server_error"


def test_a_refused_request_is_repeated_once(chat: ChatServer) -> None:
    """A busy endpoint may be free a moment later."""
    chat.scripts.append(refusing(503, {}, {"x-should-retry": "true", "retry-after-ms": "1"}))

    assert ask(chat, saying("Hello", " there."))[0] == HELLO
    assert len(chat.requests) == 2


def test_an_endpoint_that_is_not_there_is_an_error() -> None:
    """Refused connections are told; a server may start without its endpoint."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"

    async def main() -> Exception:
        llm = registry.make("llm", f"openai:{url}#tiny", options={"max_retries": 0})
        await llm.start()
        _, error = await broken(llm.run(asking("Hi.")))
        await llm.stop()
        return error

    error = run_async(main)
    assert isinstance(error, EngineError)
    assert error.message.startswith("The connection to the model endpoint failed")
    assert "127.0.0.1" not in error.message


@pytest.mark.parametrize("parts", [(), (event({"content": "Hello"}),)])
def test_an_endpoint_that_hangs_is_given_up(chat: ChatServer, parts: tuple[bytes, ...]) -> None:
    """Before its first word or after it."""
    got, error = failing(chat, sending(*parts, then_hang=True), timeout_s=0.2)

    assert text_in(got) == "Hello" * len(parts)
    assert error.message == "The model endpoint said nothing for 0.2 seconds."


@pytest.mark.parametrize(
    "script",
    [
        sending(event({"content": "Hello"})),
        sending(event({"content": "Hello"}), DONE),
        sending(event({"content": "Hello"}), b"data: {broken\n\n"),
        sending(event({"content": "Hello"}), b"data: 5\n\n"),
        sending(event({"content": "Hello"}), b'data: {"choices": [{"delta": 7}]}\n\n'),
        sending(event({"content": "Hello"}), b'data: {"error": {"message": "lost it"}}\n\n'),
        sending(event({"content": "Hello"}), b"\xff\xfe\x00garbage\n\n"),
    ],
)
def test_a_stream_that_breaks_is_an_error(chat: ChatServer, script: Script) -> None:
    """Ended without an end, or garbage: what came before it was an answer."""
    got, _ = failing(chat, script)

    assert got == [TextDelta("Hello")]


def test_what_is_no_stream_is_an_error(chat: ChatServer) -> None:
    """A web page, for example."""
    got, error = failing(chat, sending(b"<html>Welcome</html>"))

    assert got == []
    assert error.message == "The model endpoint broke off its answer."


def test_a_connection_that_is_lost_is_an_error() -> None:
    """In the middle of an answer, without a word."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            part = event({"content": "Hello"})
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            connection.sendall(head + f"{len(part):x}\r\n".encode() + part + b"\r\n")

    async def main() -> tuple[list[Delta], Exception]:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        llm = OpenAIChat("openai", url, "tiny", make(EngineSpec("llm", "openai", url, "tiny"))._options)
        await llm.start()
        result = await broken(llm.run(asking("Hi.")))
        await llm.stop()
        return result

    thread = threading.Thread(target=serve)
    thread.start()
    with contextlib.closing(listener):
        got, error = run_async(main)
        thread.join()
    assert got == [TextDelta("Hello")]
    assert isinstance(error, EngineError)
    assert "failed" in error.message


def test_a_finished_answer_that_does_not_close_is_an_answer(chat: ChatServer) -> None:
    """It has said why it ended; nobody waits for long."""
    script = sending(event({"content": "Hello"}), event({}, "stop"), then_hang=True)

    assert ask(chat, script)[0] == [TextDelta("Hello")]


# The engine


def test_it_is_an_llm_of_the_registry() -> None:
    """By URL and model, or by options; the provider's own endpoint is known."""
    local: LLM = registry.make("llm", "openai:http://localhost:11434/v1#qwen3", options={"context_tokens": "8192"})
    cloud = registry.make("llm", "openai", options={"model": "gpt-x", "api_key": "k"})
    assert isinstance(cloud, OpenAIChat)

    assert (local.name, local.context_tokens, local.sees_images) == (
        "openai:http://localhost:11434/v1#qwen3",
        8192,
        False,
    )
    assert cloud.sees_images
    assert cloud.request_of(asking("Hi.", max_output_tokens=3))["max_completion_tokens"] == 3
    assert local.count("12345678") == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("openai:http://localhost/v1", "names no model"),
        ("openai:localhost/v1#m", "is no URL of a chat endpoint"),
        ("openai", "names no model"),
    ],
)
def test_a_choice_that_cannot_work_is_the_operators_matter(text: str, message: str) -> None:
    """Said when the engine is made, with the right form."""
    with pytest.raises(SetupError, match=message):
        registry.make("llm", text)


def test_warming_asks_nothing_and_a_stopped_engine_answers_nothing(chat: ChatServer) -> None:
    """Reading a prompt costs tokens at an endpoint."""

    async def main() -> Exception:
        llm = make(EngineSpec("llm", "openai", chat.url, "tiny"))
        await llm.start()
        await llm.warm(asking("Hi."))
        await llm.stop()
        await llm.stop()
        return (await broken(llm.run(asking("Hi."))))[1]

    assert isinstance(run_async(main), EngineError)
    assert chat.requests == []
