"""What the kernel tells of this machine's network."""
