"""The guide says what the code does."""

import re
from pathlib import Path
from typing import get_type_hints

from msgspec import Meta, Struct, structs

from antiphon.gateway import settings
from antiphon.gateway.reading import Given, load

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "relay.md").read_text("utf-8")


def test_the_file_of_the_guide_is_one(tmp_path: Path) -> None:
    """It loads, with the secrets that it names."""
    found = re.search(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    secret = tmp_path / "secret"
    secret.write_text("sk-filed")
    text = re.sub(r"/run/secrets/\w+", str(secret), found[1])

    loaded = load(text, {"OPENAI_API_KEY": "sk-openai", "ALICE_KEY": "sk-alice"}, Given())
    assert loaded.upstream_keys == {"openai": "sk-openai", "azure": "sk-filed"}
    assert loaded.keys == {"alice": "sk-alice", "billing": "sk-filed"}
    assert [one.url for one in loaded.config.upstreams][2] == "http://gpu-box:8000/v1"


def test_every_setting_is_in_the_guide() -> None:
    """With its meaning and its default."""
    tables: dict[str, type[Struct]] = {
        "relay": settings.Relay,
        "upstreams": settings.Upstream,
        "models.*": settings.Alias,
        "keys.*": settings.Key,
    }
    for table, kind in tables.items():
        hints = get_type_hints(kind, include_extras=True)
        for field in structs.fields(kind):
            meaning = next(meta.description for meta in hints[field.name].__metadata__ if isinstance(meta, Meta))
            row = re.search(rf"^\| `{re.escape(table)}\.{field.name}` \| (.*) \| (.*) \|$", GUIDE, re.MULTILINE)
            assert row, f"{table}.{field.name}"
            assert row[1] == meaning
            if field.default not in (None, "") and not field.required:
                assert row[2] == f"`{str(field.default).lower()}`"
