"""The operator's prompt templates: a text by id in which `{{name}}` stands for a variable."""

import re
from collections.abc import Mapping

from antiphon.protocol.session import PromptFile, PromptImage, PromptTemplate, PromptText
from antiphon.session.config import SessionConfig, SessionSettings

VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def instructions_of(config: SessionConfig, settings: SessionSettings) -> str:
    """What the model is told: the template, if there is one, then the session's own instructions."""
    text = None if config.prompt is None else settings.template(config.prompt)
    if config.prompt is None or text is None:
        return config.instructions
    return "\n\n".join(part for part in (filled(text, config.prompt), config.instructions) if part)


def filled(text: str, prompt: PromptTemplate) -> str:
    """The template with its variables; one that is not given stays as it stands."""
    given: Mapping[str, str | PromptText | PromptImage | PromptFile] = prompt.variables or {}

    def value(match: re.Match[str]) -> str:
        variable = given.get(match[1])
        if isinstance(variable, PromptText):
            return variable.text
        return variable if isinstance(variable, str) else match[0]

    return VARIABLE.sub(value, text)
