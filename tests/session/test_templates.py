"""Rules of the operator's prompt templates."""

from typing import Any

import pytest

from antiphon.protocol.session import PromptImage, PromptTemplate, PromptText
from antiphon.session.config import SessionConfig, SessionSettings
from antiphon.session.templates import filled, instructions_of


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("You are {{name}}.", "You are Ada."),
        ("{{ name }} and {{name}}", "Ada and Ada"),
        ("{{city}} {{missing}} {name}", "Rome {{missing}} {name}"),
        ("{{picture}}", "{{picture}}"),
        ("", ""),
    ],
)
def test_variables_are_filled_in(text: str, told: str) -> None:
    """Strings and texts; what is not given, or is no text, stays as it stands."""
    variables: dict[str, Any] = {"name": "Ada", "city": PromptText(text="Rome"), "picture": PromptImage(detail="low")}

    assert filled(text, PromptTemplate(id="p", variables=variables)) == told


@pytest.mark.parametrize("variables", [None, {}])
def test_no_variables(variables: Any) -> None:
    """Then there is nothing to fill in."""
    assert filled("{{name}}", PromptTemplate(id="p", variables=variables)) == "{{name}}"


@pytest.mark.parametrize(
    ("prompt", "instructions", "told"),
    [
        (None, "Be kind.", "Be kind."),
        (PromptTemplate(id="host"), "Be kind.", "You are the host.\n\nBe kind."),
        (PromptTemplate(id="host"), "", "You are the host."),
        (PromptTemplate(id="host", version="2"), "", "You are a guest."),
        (PromptTemplate(id="host", version="9"), "Be kind.", "Be kind."),
    ],
)
def test_what_the_model_is_told(prompt: PromptTemplate | None, instructions: str, told: str) -> None:
    """The template of that id and version first, then the session's own instructions."""
    settings = SessionSettings(
        session_id="sess_1",
        model="gpt-realtime",
        new_id=str,
        templates={"host": "You are the host.", "host@2": "You are a guest."},
    )

    assert instructions_of(SessionConfig(prompt=prompt, instructions=instructions), settings) == told
