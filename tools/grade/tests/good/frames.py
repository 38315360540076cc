# Part four's receiver, as the page describes its frame. Passes frames-receiver.
import os
import socket
import struct
import sys
import zlib

FOLDER = os.environ["FOLDER"]
KEPT, REFUSED, BROKEN = 0, 1, 2


def exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(min(count - len(data), 65536))
        if not piece:
            raise EOFError(f"the end after {len(data)} of {count} bytes")
        data += piece
    return bytes(data)


def receive(connection):
    length, = struct.unpack(">I", exactly(connection, 4))
    if not 1 <= length <= 255:
        return REFUSED, f"name length {length}"
    name = exactly(connection, length).decode()
    if "/" in name or name in (".", ".."):
        return REFUSED, f"name {name!r}"
    length, = struct.unpack(">Q", exactly(connection, 8))
    if length > 1 << 30:
        return REFUSED, f"content length {length}"
    content = exactly(connection, length)
    checksum, = struct.unpack(">I", exactly(connection, 4))
    if checksum != zlib.crc32(content):
        return BROKEN, f"checksum {checksum:#x}"
    if connection.recv(1):
        return BROKEN, "something follows the frame"
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(content)
    return KEPT, f"{name}: {length} bytes"


def serve(connection):
    try:
        status, text = receive(connection)
    except (EOFError, UnicodeError) as error:
        status, text = BROKEN, str(error)
    connection.sendall(struct.pack(">BH", status, len(text)) + text.encode())
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    connection, client = server.accept()
    with connection:
        try:
            serve(connection)
        except OSError as error:
            print(client, error, file=sys.stderr)
