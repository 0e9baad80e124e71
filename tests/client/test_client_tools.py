"""Functions for a model: what it is told of them, and what comes of its calls."""

import asyncio
import json
import logging
import threading
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest

from antiphon.client.tools import Tools


@dataclass
class Place:
    """Where."""

    city: str
    country: str = "FR"


def schema_of(function: Any) -> dict[str, Any]:
    """The parameters of the one function of a registry."""
    tools = Tools()
    tools.function(function)
    return dict(tools.offered[0].parameters or {})


def called(tools: Tools, name: str, arguments: str = "") -> Any:
    """The output of a call, as JSON where it is some."""
    output = asyncio.run(tools.run(name, arguments), debug=True)
    try:
        return json.loads(output)
    except ValueError:
        return output


def test_a_signature_becomes_a_schema() -> None:
    """Types, defaults, literals, optionals, lists, dicts and described parameters; the docstring says what it does."""
    tools = Tools()

    @tools.function
    def forecast(
        city: Annotated[str, "Its name in English."],
        days: Annotated[int, msgspec.Meta(ge=1, le=7)],
        unit: Literal["C", "F"] = "C",
        note: str | None = None,
        *,
        exact: bool = False,
        hours: list[float] = [],  # noqa: B006 -- what the schema makes of it is the point
        tags: list[str] = ["a"],  # noqa: B006 -- the same
        names: dict[str, int] | None = None,
    ) -> str:
        """Tell the weather.

        Of the next days.
        """
        return f"{city} {days} {unit} {note} {exact} {hours} {tags} {names}"

    (tool,) = tools.offered
    assert (tool.name, tool.description) == ("forecast", "Tell the weather.\n\nOf the next days.")
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Its name in English."},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
            "unit": {"enum": ["C", "F"], "default": "C"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "exact": {"type": "boolean", "default": False},
            "hours": {"type": "array", "items": {"type": "number"}, "default": []},
            "tags": {"type": "array", "items": {"type": "string"}},
            "names": {
                "anyOf": [{"type": "object", "additionalProperties": {"type": "integer"}}, {"type": "null"}],
                "default": None,
            },
        },
        "required": ["city", "days"],
        "additionalProperties": False,
    }
    assert called(tools, "forecast", '{"city": "Paris", "days": 3}') == "Paris 3 C None False [] ['a'] None"


def test_a_dataclass_is_an_object() -> None:
    """Its shape stands below `$defs`, and the function gets the object."""

    def here(place: Place) -> str:
        return place.city + place.country

    schema = schema_of(here)
    tools = Tools()
    tools.function(here)

    assert schema["properties"] == {"place": {"$ref": "#/$defs/Place"}}
    assert schema["$defs"]["Place"]["required"] == ["city"]
    assert called(tools, "here", '{"place": {"city": "Lyon"}}') == "LyonFR"


def test_a_function_without_parameters() -> None:
    """It is called with no arguments, however the model writes that; another name and text may be given."""
    tools = Tools()
    tools.add(lambda: {"hour": 7}, name="now", description="The time.")

    assert tools.offered[0].description == "The time."
    assert called(tools, "now", "") == called(tools, "now", "{}") == {"hour": 7}


def no_type(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Does not say."""


def many(*x: int) -> None:
    """Has no names."""


def first(x: int, /) -> None:
    """Neither."""


def odd(x: complex) -> None:
    """Has no form."""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_type, "`no_type` does not say of what type `x` is."),
        (many, "`many` cannot be called by names alone: `*x: int`."),
        (first, "`first` cannot be called by names alone: `x: int`."),
        (odd, "A parameter of `odd` has no form in JSON: type <class 'complex'> is not supported."),
    ],
)
def test_a_function_that_cannot_be_offered(function: Any, message: str) -> None:
    """It is refused where it is written, not when it is called."""
    with pytest.raises(TypeError) as raised:
        Tools().add(function)

    assert str(raised.value) == message


def test_names_are_checked() -> None:
    """Each name once, and none that the wire does not take."""
    tools = Tools()
    tools.add(odd_name, name="f")
    with pytest.raises(ValueError, match="a tool called `f` already"):
        tools.add(odd_name, name="f")
    for name in ("", "a b", "<lambda>", "x" * 65):
        with pytest.raises(ValueError, match="cannot be the name of a tool"):
            tools.add(odd_name, name=name)


def odd_name() -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('{"days": "many"}', "The arguments are wrong: Expected `int`, got `str` - at `$.days`"),
        ("{}", "The arguments are wrong: Object missing required field `days`"),
        ('{"days": 1, "weeks": 2}', "The arguments are wrong: Object contains unknown field `weeks`"),
        ("[1]", "The arguments are wrong: Expected `object`, got `array`"),
        ('{"days"', "The arguments are wrong: Input data was truncated"),
    ],
)
def test_wrong_arguments_are_told(arguments: str, message: str) -> None:
    """The model reads what is wrong, and may try again; the function is not called."""
    tools = Tools()

    @tools.function
    def wait(days: int) -> str:
        raise AssertionError(days)

    assert called(tools, "wait", arguments) == {"error": message}


def test_numbers_in_quotes_are_taken() -> None:
    """Small models write them; the function gets what its types say."""
    tools = Tools()

    @tools.function
    def double(n: int) -> int:
        return 2 * n

    assert called(tools, "double", '{"n": "21"}') == 42


def test_a_function_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The model is told the error in one line; the log has its kind, and not what it says."""
    tools = Tools()

    @tools.function
    async def pay(sum_: int) -> None:
        raise RuntimeError(f"card {sum_} refused")

    with caplog.at_level(logging.DEBUG):
        output = called(tools, "pay", '{"sum_": 4711}')

    assert output == {"error": "RuntimeError: card 4711 refused"}
    assert "pay failed: RuntimeError" in caplog.text
    assert "4711" not in caplog.text


def test_a_result_that_has_no_json() -> None:
    """It is told as a failure, too."""
    tools = Tools()
    tools.add(object, name="thing")

    assert "Encoding objects of type object is unsupported" in called(tools, "thing")["error"]


def test_an_unknown_function_and_one_that_hangs() -> None:
    """Every call gets an output, in time."""
    tools = Tools(limit_s=0.01)

    @tools.function
    async def hang() -> None:
        await asyncio.Event().wait()

    assert called(tools, "nothing") == {"error": "There is no function called nothing."}
    assert called(tools, "hang") == {"error": "hang took too long."}


def test_plain_functions_do_not_block() -> None:
    """Two that wait for each other both end: each runs in a thread."""
    tools = Tools()
    meeting = threading.Barrier(2, timeout=10)

    @tools.function
    def meet() -> str:
        meeting.wait()
        return "met"

    async def both() -> list[str]:
        return list(await asyncio.gather(tools.run("meet", ""), tools.run("meet", "")))

    assert asyncio.run(both()) == ["met", "met"]
