"""``edge-agent bench``: our sound path and its peers, side by side in the same run, by one method."""
