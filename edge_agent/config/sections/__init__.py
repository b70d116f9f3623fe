"""The sections of ``edge-agent.yaml``, by what they are about. :mod:`edge_agent.config.schema` is the whole.

The structs hold plain values as a person writes them; each layer has a settings class of its own.
``None`` is "not set": the server's own value, or one that depends on other keys, as the description says.
Descriptions go into the JSON schema, so that an editor shows them.
"""
