# It stays with one client as long as that one has something to say. Caught by many fairness.
import select
import socket

server = socket.create_server(("127.0.0.1", 6797), backlog=1024)
clients = select.epoll()
clients.register(server, select.EPOLLIN)
sockets = {}


def drain(connection):
    """Echoes until nothing is left; whether the client goes on."""
    try:
        while data := connection.recv(65536, socket.MSG_DONTWAIT):
            connection.sendall(data)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


while True:
    for number, _ in clients.poll():
        if number == server.fileno():
            connection, _ = server.accept()
            sockets[connection.fileno()] = connection
            clients.register(connection, select.EPOLLIN)
        elif not drain(sockets[number]):
            clients.unregister(number)
            sockets.pop(number).close()
