#!/usr/bin/env python3
"""The frame of part four, written a second time and from the description alone: the tests hold one against the other.

    frames.py send FILE [HOST:PORT]     as frames-sender
    frames.py receive PORT FOLDER       as frames-receiver, for one client
    frames.py codec                     reads frames from standard input to its end, says what they are,
                                        and writes them again in hexadecimal digits
"""

import os
import socket
import struct
import sys
import zlib


def encode(name: bytes, content: bytes) -> bytes:
    head = struct.pack(">I", len(name)) + name + struct.pack(">Q", len(content))
    return head + content + struct.pack(">I", zlib.crc32(content))


def decode(read):
    """One frame from `read`, which gives as many bytes as it is asked for: name, content, and whether the sum is right."""
    name = read(*struct.unpack(">I", read(4)))
    content = read(*struct.unpack(">Q", read(8)))
    return name, content, struct.unpack(">I", read(4))[0] == zlib.crc32(content)


def exactly(stream):
    def read(length: int) -> bytes:
        data = stream.read(length)
        if len(data) < length:
            sys.exit(f"ended after {len(data)} of {length} bytes")
        return data

    return read


def send(path: str, place: str = "127.0.0.1:6797") -> None:
    host, port = place.rsplit(":", 1)
    with open(path, "rb") as file, socket.create_connection((host.strip("[]"), int(port)), 20) as peer:
        peer.sendall(encode(os.fsencode(os.path.basename(path)), file.read()))
        peer.shutdown(socket.SHUT_WR)
        read = exactly(peer.makefile("rb"))
        status, length = struct.unpack(">BH", read(3))
        print(f"status {status}: {read(length).decode()}")


def receive(port: str, folder: str) -> None:
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        peer, _ = listener.accept()
        peer.settimeout(20)
        stream = peer.makefile("rb")
        name, content, right = decode(exactly(stream))
        alone = stream.read() == b""
        print(f"{name.decode()}: {len(content)} bytes, checksum {'right' if right else 'wrong'}")
        if right and alone:
            with open(os.path.join(folder, name.decode()), "xb") as file:
                file.write(content)
        text = b"by Python"
        peer.sendall(struct.pack(">BH", 0 if right and alone else 2, len(text)) + text)


def codec() -> None:
    data = sys.stdin.buffer.read()
    at = 0

    def read(length: int) -> bytes:
        nonlocal at
        at += length
        return data[at - length : at]

    while at < len(data):
        name, content, right = decode(read)
        print(name.hex(), len(content), right, encode(name, content).hex())


if __name__ == "__main__":
    commands = {"send": send, "receive": receive, "codec": codec}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
