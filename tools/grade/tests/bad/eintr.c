// It ends with the first EINTR that epoll_wait returns. Caught by tcp-echo interrupted.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(int client)
{
    char buffer[1024];
    ssize_t received = recv(client, buffer, sizeof buffer, 0), sent = 0;

    while (sent < received) {
        ssize_t taken = send(client, buffer + sent, received - sent, MSG_NOSIGNAL);
        if (taken < 0)
            break;
        sent += taken;
    }
    if (received <= 0)
        close(client);
}

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(6797) };
    struct epoll_event event = { .events = EPOLLIN };
    int server = socket(AF_INET, SOCK_STREAM, 0), ready = epoll_create1(0), yes = 1;

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 16) < 0) {
        perror("bind or listen");
        return 1;
    }
    event.data.fd = server;
    epoll_ctl(ready, EPOLL_CTL_ADD, server, &event);
    for (;;) {
        if (epoll_wait(ready, &event, 1, -1) < 0) {
            perror("epoll_wait");
            return 1;
        }
        if (event.data.fd != server) {
            echo(event.data.fd);
            continue;
        }
        event = (struct epoll_event){ .events = EPOLLIN, .data.fd = accept(server, NULL, NULL) };
        epoll_ctl(ready, EPOLL_CTL_ADD, event.data.fd, &event);
    }
}
