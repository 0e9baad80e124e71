"""The SDK's models of beta as a witness: they read frames, and tell what is wrong with each.

Today's `openai` still has them. Run with an older one on the path, this answers line by line: a frame in, a JSON list
of problems out.
"""

import json
import sys
import typing
from typing import Any

from openai.types.beta.realtime import RealtimeServerEvent
from pydantic import BaseModel, ValidationError


def models() -> dict[str, type[BaseModel]]:
    """The SDK's models of server events by their type."""
    union: Any = typing.get_args(RealtimeServerEvent)[0]
    return {typing.get_args(model.model_fields["type"].annotation)[0]: model for model in typing.get_args(union)}


def problems(frame: str | bytes, known: dict[str, type[BaseModel]]) -> list[str]:
    """Where a frame is not of the type that the SDK gives it; strictly, nothing is made to fit."""
    kind = json.loads(frame)["type"]
    if kind not in known:
        return [f"{kind}: no such event"]
    try:
        known[kind].model_validate_json(frame, strict=True)
    except ValidationError as error:
        return [f"{kind}.{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    return []


def main() -> None:
    """Answer line by line."""
    known = models()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(problems(line, known)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
