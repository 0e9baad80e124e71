"""Rules of the contracts: what an engine's failure carries, and which engines a set holds."""

from antiphon.ports import NO_USAGE, EngineError, EngineSet, ToolError, Usage
from antiphon.protocol.items import McpHttpError


def test_an_engine_says_why_it_cannot() -> None:
    """Text, code and type, as the client may see them."""
    plain, coded = EngineError("Out."), EngineError("Broke.", code="insufficient_quota", type="insufficient_quota")

    assert (str(plain), plain.message, plain.code, plain.type) == ("Out.", "Out.", None, "server_error")
    assert (coded.code, coded.type) == ("insufficient_quota", "insufficient_quota")


def test_a_tool_says_why_it_did_not() -> None:
    """As the wire says it."""
    error = ToolError(McpHttpError(code=500, message="Internal Server Error"))

    assert (str(error), error.error) == (
        "Internal Server Error",
        McpHttpError(code=500, message="Internal Server Error"),
    )


def test_a_set_names_each_of_its_engines() -> None:
    """Those that are there."""
    vad, asr, responder, turn, tools = (object() for _ in range(5))
    few = EngineSet(vad, None, responder)  # type: ignore[arg-type]  # any object will do
    many = EngineSet(vad, asr, responder, turn, tools=tools)  # type: ignore[arg-type]  # any object will do

    assert few.all() == [vad, responder]
    assert many.all() == [vad, asr, responder, turn, tools]


def test_no_usage() -> None:
    """Is zero of everything."""
    assert Usage(0, 0, 0) == NO_USAGE
