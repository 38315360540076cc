# Connected: the kernel drops what others send, and tells us when nobody is there. Three tries of a second. Passes udp-client.
import os
import socket
import sys

message = os.environ["MESSAGE"].encode()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.connect((os.environ["HOST"], int(os.environ["PORT"])))
for attempt in range(3):
    try:
        client.send(message)
        print(client.recv(65536).decode())
        break
    except TimeoutError:
        print("no answer yet", file=sys.stderr)
    except ConnectionRefusedError as error:
        sys.exit(f"nobody is there: {error}")
else:
    sys.exit("no answer to three datagrams")
