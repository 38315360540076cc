// Nobody asks how the children ended: each stays as a zombie. Caught by tcp-echo children.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(int client)
{
    char buffer[1024];
    ssize_t received;

    while ((received = recv(client, buffer, sizeof buffer, 0)) > 0) {
        ssize_t sent = 0;
        while (sent < received) {
            ssize_t taken = send(client, buffer + sent, received - sent, MSG_NOSIGNAL);
            if (taken < 0)
                return;
            sent += taken;
        }
    }
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
        int client = accept(server, NULL, NULL);
        if (client < 0)
            continue;
        if (fork() == 0) {
            close(server);
            serve(client);
            _exit(0);
        }
        close(client);
    }
}
