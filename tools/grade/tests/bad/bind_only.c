// It binds, and waits in accept's place: listen is forgotten. Caught by tcp-echo listens.
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(6797) };
    int server = socket(AF_INET, SOCK_STREAM, 0);
    char buffer[1024];

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("bind");
        return 1;
    }
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) {
            sleep(1);
            continue;
        }
        ssize_t received;
        while ((received = recv(client, buffer, sizeof buffer, 0)) > 0)
            send(client, buffer, received, MSG_NOSIGNAL);
        close(client);
    }
}
