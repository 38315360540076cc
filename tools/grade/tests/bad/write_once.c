// It does not wait in send, and does not look how much send took. Caught by tcp-echo long.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *argument);

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

static void *serve(void *argument)
{
    int client = (intptr_t)argument;
    char buffer[65536];
    ssize_t received;

    while ((received = recv(client, buffer, sizeof buffer, 0)) > 0)
        send(client, buffer, received, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(client);
    return NULL;
}
