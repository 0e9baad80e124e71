"""`speech-to-speech serve`, run by its own Python, without the two downloads it begins with; all flags are its own.

The Silero model is taken from the package `silero-vad` in place of a clone from a code host; NLTK's sentence splitter,
whose data file is not in any package, gives way to one that splits after `.`, `!` and `?`.
"""

import re

import nltk
import silero_vad
import torch


def sentences(text: str, language: str = "english") -> list[str]:
    """The splitter that stands in; English punctuation alone."""
    del language
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]


nltk.sent_tokenize = sentences
nltk.data.find = lambda name, *_: name
nltk.download = lambda *_, **__: True
torch.hub.load = lambda *_, **__: (silero_vad.load_silero_vad(), None)

from speech_to_speech.cli import main  # noqa: E402 -- what it imports must be replaced before

main()
