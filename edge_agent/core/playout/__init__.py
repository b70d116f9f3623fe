"""The receiving end of a sound stream: from packets in any order to one period of sound whenever one is due.

Pure arithmetic with ``now``: no clock, no thread, no codec. The decoder is handed in.
"""
