"""What cases ask in writing. Any model understands it, and so do the `tone` engines: `say`, `slow` and `call`."""

from typing import Any, Final

HELLO: Final = "Say hello to the caller in one short sentence."
"""For a short answer."""

LONG: Final = "Slow recitation. Please count from one to two hundred in words, leave out no number, and add nothing."
"""For an answer that takes a while, so that it can be interrupted."""

CALL: Final = 'Call get_weather {"city":"Oslo"}'
"""For a function call."""

WEATHER: Final[dict[str, Any]] = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
FORCED: Final = {"type": "function", "name": "get_weather"}
