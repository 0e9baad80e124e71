"""What is said when a setting is wrong: where, which rule, which value, and what to do."""

from antiphon.engines.registry import SetupError

SHOWN_CHARACTERS = 60
"""A wrong value is quoted up to here: enough to find it, not enough to fill the terminal."""


class ConfigError(SetupError):
    """A setting cannot be used. At most three lines: place and rule, then a hint."""

    def __init__(self, where: str, message: str, hint: str) -> None:
        super().__init__(f"{where}: {message}" if where else message, hint)
        self.where = where


def quoted(value: object) -> str:
    """A value as the operator would write it, on one line and shortened."""
    text = str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
    text = text.replace("\n", " ")
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
