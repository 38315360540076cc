# It stays with one client as long as that one has something to say. Caught by many fairness.
import selectors
import socket

ready = selectors.EpollSelector()
server = socket.create_server(("127.0.0.1", 6797), backlog=1024)
ready.register(server, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is server:
            connection, _ = server.accept()
            connection.settimeout(0.05)
            ready.register(connection, selectors.EVENT_READ)
            continue
        connection = key.fileobj
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except TimeoutError:
            continue
        except OSError:
            pass
        ready.unregister(connection)
        connection.close()
