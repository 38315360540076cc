# It has no time limit, and a silent server holds it for ever. Caught by tcp-client silent-server.
import os
import socket
import sys

message = os.environ["MESSAGE"].encode()
answer = b""
with socket.create_connection((os.environ["HOST"], int(os.environ["PORT"]))) as client:
    client.sendall(message)
    while len(answer) < len(message):
        data = client.recv(65536)
        if not data:
            sys.exit("the end after %d of %d bytes" % (len(answer), len(message)))
        answer += data
print(answer.decode())
