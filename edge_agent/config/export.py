"""The configuration as text: what is in effect, and the schema for editors."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import yaml

from edge_agent.config.schema import Config

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

TEXT_WIDTH = 110


def as_yaml(config: Config) -> str:
    """Return ``config`` as YAML that loads as the same configuration."""
    return yaml.safe_dump(msgspec.to_builtins(config), sort_keys=False, allow_unicode=True, width=TEXT_WIDTH)


def as_json(config: Config) -> str:
    """Return ``config`` as JSON, which is YAML too."""
    return json.dumps(msgspec.to_builtins(config), ensure_ascii=False, indent=2) + "\n"


def json_schema() -> str:
    """Return the JSON schema of the configuration; it can't hold the rules of ``checks.py``."""
    schema: dict[str, Any] = {"$schema": SCHEMA_DIALECT, "title": "edge-agent.yaml"}
    schema |= msgspec.json.schema(Config)
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
