"""What is known of single models, by their catalogue names; every other GGUF runs by its own template and defaults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """How a model is best run."""

    context_tokens: int = 4096
    """Tokens that each slot holds, prompt and answer together."""
    parallel: int = 4
    """Answers at a time."""
    temperature: float | None = None
    """Fixed, whatever the client says; None: the client's, else the runtime's own."""
    max_sentences: int | None = None
    """Sentences after which an answer is cut; None: the model finds its end itself."""


PRESETS = {
    # 135 million parameters: it rambles, and sampling makes it worse.
    "smollm2-135m": Preset(context_tokens=2048, temperature=0.0, max_sentences=2),
}
ORDINARY = Preset()
