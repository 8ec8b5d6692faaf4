"""A cable that can be pulled: passes TCP connections on to HOST:PORT until SIGUSR1, and again from
SIGUSR2. Prints its port once it listens, then `cut` and `restored`.

    python tcp_proxy.py 127.0.0.1:5432
    python tcp_proxy.py 127.0.0.1:9092 kafka    its own address in the broker's answers
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

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def cut(self):
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        print("cut", flush=True)

    async def restore(self):
        await self.listen()
        print("restored", flush=True)

    async def serve(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            return writer.transport.abort()
        both = {writer, far_writer}
        self.writers |= both
        answers = self.frames if self.is_kafka else self.bytes
        await asyncio.gather(self.bytes(reader, far_writer), answers(far_reader, writer))
        self.writers -= both

    async def bytes(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def frames(self, reader, writer):
        """Kafka's answers name the broker as a host (length and text) followed by its port."""
        host = self.target[0].encode()
        name = struct.pack(">h", len(host)) + host
        real, ours = (name + struct.pack(">i", port) for port in (self.target[1], self.port))
        try:
            while True:
                size = await reader.readexactly(4)
                frame = await reader.readexactly(struct.unpack(">i", size)[0])
                writer.write(size + frame.replace(real, ours))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
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
    while True:
        await (await commands.get())()


if __name__ == "__main__":
    asyncio.run(main())
