from __future__ import annotations

import copy
import pickle

import pytest

from edge_agent.protocol.profiles import PROFILES
from edge_agent.session.endpoint import Endpoint, IceServer, Secret

CANARY = "sk-canary-0123456789"


def test_secret_shows_itself_to_its_caller_alone() -> None:
    secret = Secret(f" {CANARY}\n")
    assert secret() == CANARY
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r:>40}", repr([secret])):
        assert CANARY not in text
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)


def test_no_endpoint_prints_a_key_a_header_or_a_credential() -> None:
    endpoint = Endpoint(
        name="openai",
        base_url="https://api.openai.com",
        profile=PROFILES["openai"],
        key=lambda: CANARY,
        extra_headers={"X-Key": CANARY},
        ice_servers=(IceServer("turn:example.org", "user", Secret(CANARY)),),
    )
    assert CANARY not in repr(endpoint)
