"""Pure audio: samples, bytes and milliseconds; resampling; G.711."""
