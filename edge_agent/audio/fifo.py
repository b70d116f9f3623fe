"""Named pipes in place of a sound card: 48 kHz mono, signed 16 bit, little endian, without a header.

Another process feeds the microphone, or hears the loudspeaker, while this side keeps real time. The pipe's
own buffer (64 KiB, 0.7 s) is the only backlog: a writer that runs ahead waits, see pipe(7).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import termios
from pathlib import Path

from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.pace import Pacer
from edge_agent.core.pcm import BYTES_PER_S, SAMPLE_BYTES, SILENCE
from edge_agent.errors import AudioDeviceError

LARGEST_PIPE_BYTES = 1024 * 1024
"""What a process without privileges may make a pipe hold (/proc/sys/fs/pipe-max-size, pipe(7))."""


class FifoInput:
    """A microphone that another process feeds; silence when nobody writes. Never waits for a writer.

    What was written before it was opened is not heard: a person may have closed it. The pipe is made (for its
    owner alone) if it is missing. Raises AudioDeviceError if the path is something else.
    """

    xruns = 0
    drift_ppm = None

    def __init__(self, path: Path, block_periods: int = 1) -> None:
        self._path = path
        self._pending = bytearray()
        self._silence = SILENCE * block_periods
        self._pacer = Pacer()
        self._fd = _open_fifo(path, os.O_RDONLY)
        try:
            self._take(LARGEST_PIPE_BYTES)
        except AudioDeviceError:
            self.close()
            raise

    def read(self) -> bytes:
        """Wait for the time of one block and return what the pipe has, else silence.

        Less than a block waits for the rest; if none comes by the next block, silence fills it up.
        """
        block_bytes = len(self._silence)
        self._pacer.move(block_bytes / BYTES_PER_S)
        self._pacer.wait()
        arrived = self._take(block_bytes - len(self._pending))
        self._pending += arrived
        is_complete = len(self._pending) == block_bytes
        if not is_complete and (arrived or not self._pending):
            return self._silence
        whole_bytes = len(self._pending) - len(self._pending) % SAMPLE_BYTES
        block = bytes(self._pending[:whole_bytes])
        del self._pending[:whole_bytes]
        return block.ljust(block_bytes, b"\0")

    def close(self) -> None:
        """Close this end; the pipe itself stays."""
        os.close(self._fd)

    def _take(self, n_bytes: int) -> bytes:
        try:
            return os.read(self._fd, n_bytes)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise AudioDeviceError(f"{self._path}: can't be read: {error.strerror}") from error


class FifoOutput:
    """A loudspeaker that another process hears. Without a reader the sound is lost, as in an empty room.

    Overflow rule: what a slow reader's pipe can't take is dropped and counted in ``xruns``. The pipe is made
    (for its owner alone) if it is missing. Raises AudioDeviceError if the path is something else.
    """

    drift_ppm = None
    restarts_in_time = True

    def __init__(self, path: Path) -> None:
        self.xruns = 0
        self._path = path
        self._pacer = Pacer()
        self._fd: int | None = None
        self._connect()

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Wait until the last block would have been played, or ``interrupt`` is set."""
        self._pacer.wait(interrupt)

    def write(self, block: bytes) -> None:
        """Pass the block on if somebody reads."""
        self._pacer.wait()
        self._pacer.move(len(block) / BYTES_PER_S)
        if self._fd is None:
            self._connect()
        if self._fd is None:
            return
        try:
            os.write(self._fd, block)  # a block is below PIPE_BUF: all of it or nothing
        except BlockingIOError:
            self.xruns += 1
        except BrokenPipeError:
            self._disconnect()
        except OSError as error:
            raise AudioDeviceError(f"{self._path}: can't be written: {error.strerror}") from error

    def drop(self) -> None:
        """Take back what the reader has not read."""
        if self._fd is None:
            return
        reader = _open_fifo(self._path, os.O_RDONLY)
        try:
            os.read(reader, self._waiting_bytes())
        except BlockingIOError:
            return  # the reader was faster
        finally:
            os.close(reader)

    def queued_s(self) -> float:
        """What waits in the pipe for the reader."""
        return self._waiting_bytes() / BYTES_PER_S

    def close(self) -> None:
        """Close this end; the pipe itself stays."""
        self._disconnect()

    def _waiting_bytes(self) -> int:
        if self._fd is None:
            return 0
        answer = fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4))
        (waiting_bytes,) = struct.unpack("i", answer)
        return int(waiting_bytes)

    def _connect(self) -> None:
        try:
            self._fd = _open_fifo(self._path, os.O_WRONLY)
        except _NobodyReads:
            self._fd = None

    def _disconnect(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class _NobodyReads(AudioDeviceError):
    """The writing end of a pipe can't be opened without a reader."""


def _open_fifo(path: Path, direction: int) -> int:
    try:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        if not stat.S_ISFIFO(os.stat(path).st_mode):
            raise AudioDeviceError(f"{path}: expected a named pipe, got another kind of file; name another")
        return os.open(path, direction | os.O_NONBLOCK | os.O_CLOEXEC)
    except AudioDeviceError:
        raise
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise _NobodyReads(f"{path}: nobody reads") from error
        expected = "expected a named pipe or a place for one"
        raise AudioDeviceError(f"{path}: {error.strerror}; {expected}") from error
