// It calls send once, without waiting: of a long message only what fits is sent. Caught by tcp-client long.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT"))) };
    struct timeval patience = { .tv_sec = 5 };
    const char *message = getenv("MESSAGE");
    size_t length = strlen(message), came = 0;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    char buffer[1024];

    inet_pton(AF_INET, getenv("HOST"), &server.sin_addr);
    if (connect(client, (struct sockaddr *)&server, sizeof server) < 0) {
        perror("connect");
        return 1;
    }
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    send(client, message, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (came < length) {
        ssize_t received = recv(client, buffer, sizeof buffer, 0);
        if (received <= 0) {
            fprintf(stderr, "recv: the end after %zu of %zu bytes\n", came, length);
            return 1;
        }
        fwrite(buffer, 1, received, stdout);
        came += received;
    }
    return 0;
}
