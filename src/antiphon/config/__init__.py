"""Configuration: one TOML file, environment variables and flags, each stronger than the one before.

It is read here once, at the start, and handed down; nothing below the server looks at the environment.
"""

from antiphon.config.access import check_bind, read_keys
from antiphon.config.errors import ConfigError
from antiphon.config.load import Loaded, find_file, load
from antiphon.config.settings import KNOWN_MODELS, Config, Engines, Limits, ModelAlias, Server, Sessions, Weights

__all__ = [
    "KNOWN_MODELS",
    "Config",
    "ConfigError",
    "Engines",
    "Limits",
    "Loaded",
    "ModelAlias",
    "Server",
    "Sessions",
    "Weights",
    "check_bind",
    "find_file",
    "load",
    "read_keys",
]
