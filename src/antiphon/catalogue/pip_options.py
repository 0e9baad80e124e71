"""Asks pip where packages come from, in a process of its own: `python -m antiphon.catalogue.pip_options`.

pip has no API; its command line parser is the one place where files, environment and built-in defaults come
together. A process keeps pip's habits (logging, exits on a bad file) out of ours.
"""

import json
import sys

FIELDS = (
    "index_url",
    "extra_index_urls",
    "no_index",
    "find_links",
    "trusted_hosts",
    "cert",
    "client_cert",
    "proxy",
    "timeout",
)


def main() -> int:
    """Print the options as JSON; 3 when this Python has no pip."""
    try:
        from pip._internal.commands import create_command  # noqa: PLC0415 -- pip may be missing
    except ImportError:
        return 3
    options, _ = create_command("download").parse_args([])
    sys.stdout.write(json.dumps({name: getattr(options, name, None) for name in FIELDS}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
