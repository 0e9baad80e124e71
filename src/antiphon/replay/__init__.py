"""Recordings played again: to the core, which must say the same, or to a live server."""

from antiphon.replay.again import NotReplayable, Outcome, replay
from antiphon.replay.comparing import Change, Difference

__all__ = ["Change", "Difference", "NotReplayable", "Outcome", "replay"]
