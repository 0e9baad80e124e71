"""What llama.cpp streams, chunk by chunk, as the deltas of an answer."""

from typing import Any

from antiphon.engines.chat import callable_tools
from antiphon.engines.llama_presets import Preset
from antiphon.engines.llama_prompt import is_forced
from antiphon.engines.sentences import Brevity
from antiphon.engines.tool_calls import CallReader
from antiphon.ports import CallDelta, Delta, Ending, EngineError, Prompt, TextDelta, Usage


class Answer:
    """One answer being read. It is done when `is_done` says so, or when no more chunks come."""

    def __init__(self, prompt: Prompt, preset: Preset) -> None:
        self.usage = Usage()
        self.is_done = False
        self._calls = CallReader([str(tool.name) for tool in callable_tools(prompt)])
        self._brevity = Brevity(preset.max_sentences) if preset.max_sentences else None
        self._is_forced = is_forced(prompt)
        self._may_repeat = prompt.parallel_tool_calls
        self._was_cut = False

    def read(self, chunk: dict[str, Any]) -> list[Delta]:
        """The deltas of a chunk; raises `EngineError` for one that tells of a failure."""
        if error := chunk.get("error"):
            raise EngineError(f"The model cannot answer: {error.get('message', error)}")
        if timings := chunk.get("timings"):
            cached = timings["cache_n"]
            self.usage = Usage(cached + timings["prompt_n"], cached, timings["predicted_n"])
        deltas: list[Delta] = []
        for choice in chunk.get("choices", ()):
            self._was_cut = choice.get("finish_reason") == "length"
            deltas += self._read_text(self._calls.feed(choice["delta"].get("content") or ""))
            deltas += [_native_call(call) for call in choice["delta"].get("tool_calls") or ()]
        return deltas

    def end(self) -> list[Delta]:
        """What was held back, and why the answer ended if that was not its own end."""
        deltas = [] if self.is_done else self._read_text(self._calls.flush())
        if self._was_cut and not self.is_done:
            deltas.append(Ending("max_output_tokens"))
        return deltas

    def _read_text(self, pieces: "list[TextDelta | CallDelta]") -> list[Delta]:
        deltas: list[Delta] = []
        for piece in pieces:
            if isinstance(piece, CallDelta):
                if self._may_repeat or piece.index == 0:
                    deltas.append(piece)
                self.is_done = self.is_done or not self._may_repeat
            elif not self._is_forced and (text := self._brief(piece.text)):
                deltas.append(TextDelta(text))
        self.is_done = self.is_done or self._calls.is_over
        return deltas

    def _brief(self, text: str) -> str:
        if self._brevity is None:
            return text
        if self._brevity.is_done:
            return ""
        passed = self._brevity.take(text)
        self.is_done = self.is_done or self._brevity.is_done
        return passed


def _native_call(call: dict[str, Any]) -> CallDelta:
    """A call that llama.cpp has recognised itself, or more of its arguments."""
    function = call.get("function", {})
    return CallDelta(
        call.get("index", 0), function.get("name") or "", function.get("arguments") or "", call.get("id") or ""
    )
