// Its buffer has 1024 bytes, and the rest of a longer datagram is gone for good. Caught by udp-echo large.
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(6797) }, client;
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    char buffer[1024];

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("bind");
        return 1;
    }
    for (;;) {
        socklen_t length = sizeof client;
        ssize_t received = recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&client, &length);
        if (received >= 0)
            sendto(server, buffer, received, 0, (struct sockaddr *)&client, length);
    }
}
