"""What the items of a prompt say in plain words; every language engine reads them through this.

A part without words (audio that was never transcribed, a picture) says nothing here.
"""

from antiphon.protocol.items import (
    ContentPart,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    McpCall,
    Message,
    OutputText,
)


def words_of(part: ContentPart) -> str:
    """The words of a content part; the transcript where it is speech."""
    match part:
        case InputText(text=text) | OutputText(text=text):
            return text
        case InputImage():
            return ""
        case _:
            return part.transcript or ""


def said(message: Message) -> str:
    """All words of a message, one part after the other."""
    return " ".join(words for part in message.content if (words := words_of(part)))


def images_of(message: Message) -> tuple[InputImage, ...]:
    """The pictures of a message."""
    return tuple(part for part in message.content if isinstance(part, InputImage))


def given_by(call: McpCall) -> str | None:
    """What an MCP tool gave, or why it gave nothing; None while it has not answered."""
    if call.error:
        return f"error: {call.error.message}"
    return call.output if isinstance(call.output, str) else None


def text_of(item: Item) -> str:
    """Everything of an item that costs tokens, as text; empty for what no model is shown."""
    match item:
        case Message():
            return said(item)
        case FunctionCall(name=name, arguments=arguments):
            return f"{name} {arguments}"
        case FunctionCallOutput(output=output):
            return output
        case McpCall(name=name, arguments=arguments):
            return f"{name} {arguments} {given_by(item) or ''}".rstrip()
        case _:
            return ""
