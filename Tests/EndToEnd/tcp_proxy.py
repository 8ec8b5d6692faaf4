"""A cable that can be pulled: passes TCP connections on to HOST:PORT until SIGUSR1, and again from
SIGUSR2. Prints its port once it listens, then `cut` and `restored`.

    python tcp_proxy.py 127.0.0.1:5432
    python tcp_proxy.py 127.0.0.1:9092 kafka    its own address in the broker's answers

With `kafka`, SIGHUP keeps back what producers send from then on, whoever ends meanwhile, until
SIGUSR2 passes it on. Prints `held`, and for each request `kept` and, in the end, `answered`.
"""

import asyncio
import signal
import struct
import sys


class Proxy:
    def __init__(self, host, port, is_kafka):
        self.target = (host, int(port))
        self.is_kafka = is_kafka
        self.server = None
        self.port = 0
        self.writers = set()
        self.may_produce = asyncio.Event()
        self.may_produce.set()

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def cut(self):
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        print("cut", flush=True)

    async def hold(self):
        self.may_produce.clear()
        print("held", flush=True)

    async def restore(self):
        self.may_produce.set()
        if not self.server.is_serving():
            await self.listen()
        print("restored", flush=True)

    async def serve(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            return writer.transport.abort()
        both = {writer, far_writer}
        self.writers |= both
        if self.is_kafka:
            kept = set()
            ways = (
                self.requests(reader, far_writer, kept),
                self.answers(far_reader, writer, kept),
            )
        else:
            ways = self.bytes(reader, far_writer), self.bytes(far_reader, writer)
        await asyncio.gather(*ways)
        self.writers -= both

    async def bytes(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def requests(self, reader, writer, kept):
        """A request begins with its kind (0 is produce), a version, and the number of its answer."""

        async def pass_on(size, frame):
            if frame[:2] == b"\0\0" and not self.may_produce.is_set():
                kept.add(frame[4:8])
                print("kept", flush=True)
                await self.may_produce.wait()
            writer.write(size + frame)

        await self.frames(reader, writer, pass_on)

    async def answers(self, reader, writer, kept):
        """Kafka's answers name the broker as a host (length and text) followed by its port."""
        host = self.target[0].encode()
        name = struct.pack(">h", len(host)) + host
        real, ours = (name + struct.pack(">i", port) for port in (self.target[1], self.port))

        async def pass_on(size, frame):
            if frame[:4] in kept:
                kept.discard(frame[:4])
                print("answered", flush=True)
            writer.write(size + frame.replace(real, ours))

        await self.frames(reader, writer, pass_on)

    async def frames(self, reader, writer, pass_on):
        try:
            while True:
                size = await reader.readexactly(4)
                await pass_on(size, await reader.readexactly(struct.unpack(">i", size)[0]))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        # The answer to what was kept back still comes.
        if writer.transport.is_closing():
            return
        try:
            writer.write_eof()
        except OSError:
            writer.close()


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    proxy = Proxy(host, port, sys.argv[2:] == ["kafka"])
    await proxy.listen()
    print(proxy.port, flush=True)
    commands = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, commands.put_nowait, proxy.cut)
    loop.add_signal_handler(signal.SIGUSR2, commands.put_nowait, proxy.restore)
    loop.add_signal_handler(signal.SIGHUP, commands.put_nowait, proxy.hold)
    while True:
        await (await commands.get())()


if __name__ == "__main__":
    asyncio.run(main())
