"""`antiphon talk`: say something to a Realtime server, hear the answer, and see where the milliseconds went."""

from antiphon.talk.options import DEFAULT_MODEL, DEFAULT_URL, TalkOptions, Vad
from antiphon.talk.run import talk

__all__ = ["DEFAULT_MODEL", "DEFAULT_URL", "TalkOptions", "Vad", "talk"]
