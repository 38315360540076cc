# It looks at who answers, but hears of no error: a refusal looks like silence to it. Caught by udp-client nobody.
import os
import socket
import sys
import time

server = (os.environ["HOST"], int(os.environ["PORT"]))
message = os.environ["MESSAGE"].encode()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto(message, server)
end = time.monotonic() + 2
while (left := end - time.monotonic()) > 0:
    client.settimeout(left)
    try:
        answer, sender = client.recvfrom(65536)
    except TimeoutError:
        break
    if sender == server:
        print(answer.decode())
        sys.exit()
sys.exit("no answer in two seconds")
