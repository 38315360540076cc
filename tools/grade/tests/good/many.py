# asyncio, with drain: it reads no further than its client does. SIGTERM lets it finish what has come.
import asyncio
import signal

clients = set()


async def serve(reader, writer):
    clients.add(asyncio.current_task())
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
        clients.discard(asyncio.current_task())


async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(serve, "127.0.0.1", 6797, backlog=1024)
    await stop.wait()
    server.close()
    # What has come is read and answered within a round or two of the loop.
    for _ in range(10):
        await asyncio.sleep(0.02)
    for client in list(clients):
        client.cancel()
    await asyncio.sleep(0)


asyncio.run(main())
