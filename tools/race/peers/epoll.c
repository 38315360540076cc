/* The reference: one thread, epoll, edge-triggered. It is correct: it sends what one send does not take, reads on to an
   end that comes right behind data, and closes. Usage: epoll PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct client { int fd; size_t from, to; char rest[4096]; };
static char buffer[4096];

/* 1 while the client is here and told all that is there now, 0 at its end. */
static int turn(struct client *c, unsigned events) {
  for (;;) {
    while (c->from < c->to) {
      ssize_t n = send(c->fd, c->rest + c->from, c->to - c->from, 0);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      c->from += n;
    }
    ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    ssize_t sent = send(c->fd, buffer, got, 0);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return 0;
    if (sent < 0) sent = 0;
    if (sent < got) { c->from = 0; c->to = got - sent; memcpy(c->rest, buffer + sent, c->to); }
    else if (got < (ssize_t)sizeof buffer && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return 1;
  }
}

int main(int argc, char **argv) {
  struct rlimit limit;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 6797)};
  struct epoll_event event = {.events = EPOLLIN}, ready[256];
  int one = 1, list = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  getrlimit(RLIMIT_NOFILE, &limit), limit.rlim_cur = limit.rlim_max, setrlimit(RLIMIT_NOFILE, &limit);
  signal(SIGPIPE, SIG_IGN);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&at, sizeof at) || listen(listener, 4096)) return 1;
  epoll_ctl(list, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int n = epoll_wait(list, ready, 256, -1);
    for (int i = 0; i < n; i++) {
      struct client *c = ready[i].data.ptr;
      if (c && !turn(c, ready[i].events)) { close(c->fd); free(c); }
      else if (!c) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0 || !(c = calloc(1, sizeof *c))) continue;
        c->fd = fd;
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, event.data.ptr = c;
        epoll_ctl(list, EPOLL_CTL_ADD, fd, &event);
      }
    }
  }
}
