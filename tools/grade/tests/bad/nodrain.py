# asyncio without drain: what a client does not read stays in this program's memory. Caught by tcp-echo bounded.
import asyncio


async def serve(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
        await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 6797)
    await server.serve_forever()


asyncio.run(main())
