// One thread, epoll, and for each client what it has not taken yet. EINTR is no error. Passes tcp-echo.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    int fd;
    size_t length;
    char pending[16384];
};

// One step; whether the client stays. It reads only if everything has been sent.
static int step(struct client *client)
{
    if (client->length == 0) {
        ssize_t received = recv(client->fd, client->pending, sizeof client->pending, 0);
        if (received == 0)
            return 0;
        if (received < 0)
            return errno == EAGAIN || errno == EINTR;
        client->length = received;
    }
    ssize_t taken = send(client->fd, client->pending, client->length, MSG_NOSIGNAL);
    if (taken < 0)
        return errno == EAGAIN || errno == EINTR;
    client->length -= taken;
    memmove(client->pending, client->pending + taken, client->length);
    return 1;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(argc > 2 ? atoi(argv[2]) : 6797) };
    struct epoll_event event = { .events = EPOLLIN };
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ready = epoll_create1(0), yes = 1;

    inet_pton(AF_INET, argc > 1 ? argv[1] : "127.0.0.1", &address.sin_addr);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 128) < 0) {
        perror("bind or listen");
        return 1;
    }
    epoll_ctl(ready, EPOLL_CTL_ADD, server, &event);
    for (;;) {
        if (epoll_wait(ready, &event, 1, -1) < 0) {
            if (errno == EINTR)
                continue;
            perror("epoll_wait");
            return 1;
        }
        struct client *client = event.data.ptr;
        if (client == NULL) {
            int fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0)
                continue;
            client = calloc(1, sizeof *client);
            client->fd = fd;
            event = (struct epoll_event){ .events = EPOLLIN, .data.ptr = client };
            epoll_ctl(ready, EPOLL_CTL_ADD, fd, &event);
        } else if (step(client)) {
            event.events = client->length ? EPOLLOUT : EPOLLIN;
            epoll_ctl(ready, EPOLL_CTL_MOD, client->fd, &event);
        } else {
            close(client->fd);
            free(client);
        }
    }
}
