"""Identities of the notices."""

from __future__ import annotations

import uuid

from edge_agent.core.notices import Notice


def test_every_notice_has_an_identity_of_its_own() -> None:
    ids = [notice.message_id for notice in Notice]
    assert len(set(ids)) == len(ids)


def test_identities_are_128_bits_in_the_form_that_the_catalog_wants() -> None:
    assert all(uuid.UUID(notice.message_id).hex == notice.message_id for notice in Notice)
