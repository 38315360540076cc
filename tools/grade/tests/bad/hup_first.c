// It looks for the end before it looks for bytes, and throws away what came with the end. Caught by tcp-echo half-close.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *argument)
{
    int client = (intptr_t)argument;
    struct pollfd wait = { .fd = client, .events = POLLIN | POLLRDHUP };
    char buffer[1024];

    while (poll(&wait, 1, -1) > 0) {
        if (wait.revents & (POLLRDHUP | POLLHUP | POLLERR))
            break;
        ssize_t received = recv(client, buffer, sizeof buffer, 0), sent = 0;
        while (sent < received) {
            ssize_t taken = send(client, buffer + sent, received - sent, MSG_NOSIGNAL);
            if (taken < 0)
                break;
            sent += taken;
        }
    }
    shutdown(client, SHUT_WR);
    while (recv(client, buffer, sizeof buffer, 0) > 0)
        ;
    close(client);
    return NULL;
}

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(6797) };
    int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 16) < 0) {
        perror("bind or listen");
        return 1;
    }
    for (;;) {
        pthread_t thread;
        int client = accept(server, NULL, NULL);
        if (client >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) == 0)
            pthread_detach(thread);
    }
}
