"""What of an answer was really heard: the sound of one assistant item, and the words that each stretch speaks.

Every piece of audio comes with the span of the transcript that it speaks; pieces of one sentence share a span.
Cutting the audio then cuts the words: whole sentences by their audio, inside one in proportion.
"""

import re

from antiphon.audio.pcm import SAMPLE_BYTES, ms_in, samples_in, samples_of


class Speech:
    """The audio of one assistant item as it was generated."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.transcript = ""
        """All words of the item so far; they run ahead of the audio."""
        self.is_cut = False
        """Whether the caller has heard enough of it, though it may still be generated."""
        self._spans: list[tuple[int, int, int]] = []  # first character, last character + 1, samples

    @property
    def audio_ms(self) -> int:
        """What was generated."""
        return ms_in(samples_of(self.pcm))

    def add(self, pcm: bytes, span: tuple[int, int]) -> None:
        """Take one more piece; `span` is in characters of the item's transcript, which is as good as the engine is."""
        if self.is_cut:
            return
        self.pcm += pcm
        first, last = max(0, span[0]), max(0, *span)
        samples = samples_of(pcm)
        if self._spans and self._spans[-1][:2] == (first, last):
            samples += self._spans.pop()[2]
        self._spans.append((first, last, samples))

    def truncate(self, end_ms: int) -> str:
        """Cut the audio, and give the words that were heard by then."""
        self.is_cut = True
        heard = samples_in(end_ms)
        del self.pcm[heard * SAMPLE_BYTES :]
        end = 0
        for first, last, samples in self._spans:
            if heard < samples:
                end = _word_end(self.transcript, first + (last - first) * heard // samples, first)
                break
            heard -= samples
            end = last
        return self.transcript[:end].rstrip()

    def forget(self) -> None:
        """Let go of the audio; the words stay."""
        self.pcm = bytearray()


UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""


def _word_end(transcript: str, end: int, first: int) -> int:
    """Back to the last whole word: half a word was not understood. Without spaces, every character is one."""
    if end >= len(transcript) or transcript[end].isspace() or UNSPACED.match(transcript, end):
        return end
    return max(transcript.rfind(" ", first, end), first)
