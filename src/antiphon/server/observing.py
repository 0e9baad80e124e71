"""Who is told what happens here: the log, Prometheus, and OpenTelemetry where it is wanted."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from antiphon.config import Config
from antiphon.config.settings import OPTION_ROLES
from antiphon.engines.registry import SetupError

if TYPE_CHECKING:
    from antiphon.metrics.traces import TraceMeter

OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_LOG = logging.getLogger("antiphon.server")


def traces_of(config: Config, environ: Mapping[str, str]) -> "TraceMeter | None":
    """What sends traces, if the configuration or the environment asks for them.

    Raises `SetupError` when the configuration does and the extra is missing; the environment may be meant for others.
    """
    is_meant = any(environ.get(name) for name in OTLP_ENDPOINTS)
    if environ.get("OTEL_TRACES_EXPORTER") == "none" or not (config.server.traces or is_meant):
        return None
    try:
        from antiphon.metrics.traces import TraceMeter, exporting  # noqa: PLC0415 -- an extra
    except ImportError as error:
        missing = SetupError(f"Traces cannot be sent: {error}.", 'pip install "antiphon[otel]"')
        if config.server.traces:
            raise missing from error
        _LOG.warning("%s", missing)
        return None

    def engines_of(model: str | None) -> Mapping[str, str]:
        engines = config.engines_for(model) or config.engines
        written = {role: getattr(engines, role) for role in OPTION_ROLES}
        return {role: name for role, name in written.items() if name is not None}

    return TraceMeter(exporting(), engines_of)
