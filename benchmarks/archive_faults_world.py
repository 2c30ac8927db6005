"""All that the job meets, in a process of its own: AQS, and the way to the S3 server.

The parent tells it one line of JSON before each pass, and gets one line back. ``HOLD`` comes when
the job is to be killed in its PUT.
"""

import asyncio
import json
import mmap
import os
import socket
import struct
import traceback
from dataclasses import asdict
from datetime import UTC, datetime

from benchmarks.archive_faults_aqs import Aqs
from benchmarks.archive_faults_plan import AqsTrouble, Kill, Pass, S3Trouble
from benchmarks.archive_faults_s3 import S3Front, modes_of
from benchmarks.archive_faults_truth import Truth
from tests.support.fault_proxy import FaultProxy

READY = b"r"

HOLD = b"h"

_TIME = struct.Struct("d")


class TrueTime:
    """The true time of the simulation, in memory that forked processes share."""

    def __init__(self, at: datetime) -> None:
        self._memory = mmap.mmap(-1, _TIME.size)
        self.set(at)

    def now(self) -> datetime:
        """Tell it."""
        return datetime.fromtimestamp(_TIME.unpack(self._memory[:])[0], UTC)

    def set(self, at: datetime) -> None:
        """Set it."""
        self._memory[:] = _TIME.pack(at.timestamp())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._memory[:] = _TIME.pack(_TIME.unpack(self._memory[:])[0] + seconds)


class World:
    """The parent's side of it. ``channel`` gets a byte when something is to be known."""

    def __init__(self, truth: Truth, time: TrueTime, *, s3_port: int) -> None:
        self.channel, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            self.channel.close()
            try:
                asyncio.run(_live(theirs, truth, time, s3_port))
            except BaseException:  # noqa: BLE001  # whatever it is, it is to be seen
                traceback.print_exc()
            finally:
                os._exit(0)  # a child must not go on as its parent
        theirs.close()
        with self.channel.makefile("rb") as lines:
            self.aqs_port, self.s3_port = json.loads(lines.readline())

    def prepare(self, one: Pass) -> None:
        """Have it be as this pass meets it."""
        told = {"s3": asdict(one.s3), "aqs": asdict(one.aqs), "kill": asdict(one.kill)}
        self.channel.sendall(json.dumps(told).encode() + b"\n")
        while (word := self.channel.recv(1)) != READY:
            if not word:
                raise RuntimeError("the process of AQS and the way to S3 has ended")

    def close(self) -> None:
        """End it."""
        self.channel.close()
        os.waitpid(self._pid, 0)


async def _live(channel: socket.socket, truth: Truth, time: TrueTime, s3_port: int) -> None:
    reader, writer = await asyncio.open_connection(sock=channel)
    aqs = Aqs(truth, time.now)
    front = S3Front(time.now, lambda: writer.write(HOLD))
    servers = [
        await asyncio.start_server(serve, "127.0.0.1", 0) for serve in (aqs.serve, front.serve)
    ]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    writer.write(json.dumps(ports).encode() + b"\n")
    line = await reader.readline()
    while line:
        told = json.loads(line)
        trouble = S3Trouble(**told["s3"])
        # A proxy for each pass: what is left of the last one's connections goes with it.
        async with FaultProxy("127.0.0.1", s3_port).running() as proxy:
            mode, script, trigger = modes_of(trouble)
            proxy.set(mode, script=script, trigger=trigger)
            front.suffer(trouble, Kill(**told["kill"]), port=proxy.own_port)
            aqs.suffer(AqsTrouble(**told["aqs"]))
            writer.write(READY)
            line = await reader.readline()
