"""``edge-agent demo``: starts the embedded server and the daemon and holds a conversation."""
