// It sends its whole buffer back, not what recv has put into it. Caught by tcp-echo one-line.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(6797) };
    int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    char buffer[1024];

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 16) < 0) {
        perror("bind or listen");
        return 1;
    }
    for (;;) {
        int client = accept(server, NULL, NULL);
        memset(buffer, 0, sizeof buffer);
        while (recv(client, buffer, sizeof buffer, 0) > 0) {
            send(client, buffer, sizeof buffer, MSG_NOSIGNAL);
            memset(buffer, 0, sizeof buffer);
        }
        close(client);
    }
}
