// A process for each client, at the address of the environment; the kernel buries the children. Passes tcp-echo.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(int client)
{
    char buffer[4096];
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
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT"))) };
    int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    signal(SIGCHLD, SIG_IGN);
    inet_pton(AF_INET, getenv("HOST"), &address.sin_addr);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 128) < 0) {
        perror("bind or listen");
        return 1;
    }
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) {
            perror("accept");
            continue;
        }
        if (fork() == 0) {
            close(server);
            serve(client);
            _exit(0);
        }
        close(client);
    }
}
