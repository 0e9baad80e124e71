"""Recordings of sessions: what went over the wire, when, and what else is needed to play it again.

A recording is `NAME.jsonl`, one line for each event, and `NAME.audio`, its sound: see `docs/guides/recording.md`.
"""

from antiphon.recording.reading import BadRecording, Recording, load
from antiphon.recording.recorder import OwnRecorder, Recorder, Recordings
from antiphon.recording.rows import About, Line

__all__ = ["About", "BadRecording", "Line", "OwnRecorder", "Recorder", "Recording", "Recordings", "load"]
