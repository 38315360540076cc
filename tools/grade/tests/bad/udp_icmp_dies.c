// It asks for the errors of its answers (IP_RECVERR), and one client that has gone ends it. Caught by udp-echo client-gone.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(6797) }, client;
    int server = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;
    static char buffer[65536];

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(server, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("bind");
        return 1;
    }
    for (;;) {
        socklen_t length = sizeof client;
        ssize_t received = recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&client, &length);
        if (received < 0) {
            perror("recvfrom");
            return 1;
        }
        sendto(server, buffer, received, 0, (struct sockaddr *)&client, length);
    }
}
