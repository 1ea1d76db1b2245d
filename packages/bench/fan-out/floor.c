// The floor: a program that writes the same bytes as the servers and does nothing else. It writes the messages of a
// turn as one. One thread, epoll.
//
// It prints its ports. Each command is a line on stdin, and its answer a line of JSON:
//   burst <messages> <warm-up ms> <ms>    <messages> at once, and the next when all connections have them
//   turns <window> <warm-up ms> <ms>      one message a turn, while fewer than <window> have yet to reach all connections
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 65536, LOG = 1 << 26, BATCH = 65536, DATA = 100 };
static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n"
    "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n";

static struct {
  bool open, waiting;
  size_t cursor;
} connections[MOST];
static int fds[MOST], count, poller, listener, control_listener, control = -1;
static char *written;
static size_t head;
static uint64_t published, acknowledged;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void watch(int fd, uint32_t what, int how) {
  struct epoll_event event = {.events = what, .data.fd = fd};
  if (epoll_ctl(poller, how, fd, &event) < 0) fail("epoll_ctl");
}

static int serve(int *port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) fail("listen");
  getsockname(fd, (struct sockaddr *)&address, &length);
  *port = ntohs(address.sin_port);
  watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  return fd;
}

static void forget(int fd) {
  close(fd);
  if (!connections[fd].open) return;
  connections[fd].open = false;
  for (int i = 0; i < count; i++)
    if (fds[i] == fd) {
      fds[i] = fds[--count];
      return;
    }
}

static void write_on(int fd) {
  size_t cursor = connections[fd].cursor;
  // `write` and not `send`, since Node's event loop calls `write`.
  ssize_t took = write(fd, written + cursor, head - cursor);
  if (took < 0 && errno != EAGAIN) return forget(fd);
  if (took > 0) connections[fd].cursor += (size_t)took;
  bool waiting = connections[fd].cursor < head;
  if (waiting == connections[fd].waiting) return;
  connections[fd].waiting = waiting;
  watch(fd, waiting ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static void accept_all(int from) {
  for (;;) {
    int fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (from == control_listener) control = fd;
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  }
}

static void receive(int fd) {
  char request[4096];
  ssize_t length = recv(fd, request, sizeof request, 0);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) return forget(fd);
  if (fd == control) acknowledged += (uint64_t)length;
  else if (!connections[fd].open) {
    connections[fd].open = true;
    connections[fd].waiting = false;
    connections[fd].cursor = head;
    fds[count++] = fd;
    if (write(fd, HEAD, sizeof HEAD - 1) < 0) forget(fd);
  }
}

static bool command(void);

static void pump(int timeout) {
  static struct epoll_event events[1024];
  int happened = epoll_wait(poller, events, 1024, timeout);
  for (int i = 0; i < happened; i++) {
    int fd = events[i].data.fd;
    if (fd == listener || fd == control_listener) accept_all(fd);
    else if (fd == 0) {
      if (!command()) exit(0);
    } else if (events[i].events & EPOLLOUT) write_on(fd);
    else receive(fd);
  }
}

// Appends the frames of `messages` messages. A chunk holds as many as fill a batch.
static void append(int messages) {
  static char text[BATCH + 1024];
  size_t length = 0;
  // Starts at the front of the buffer again when all connections have everything.
  if (published == acknowledged) {
    head = 0;
    for (int i = 0; i < count; i++) connections[fds[i]].cursor = 0;
  }
  if (head + (size_t)messages * 256 + BATCH > LOG) fail("log");
  for (int i = 0; i < messages; i++) {
    char data[DATA + 1];
    int used = snprintf(data, sizeof data, "~%016llu ", (unsigned long long)(now() * 1e6));
    memset(data + used, 'x', (size_t)(DATA - used));
    length += (size_t)sprintf(text + length, "data: %.100s\nid: 0123456789abcdef0123456789abcdef-%llu\n\n", data, (unsigned long long)++published);
    if (length < BATCH && i < messages - 1) continue;
    head += (size_t)sprintf(written + head, "%zx\r\n", length);
    memcpy(written + head, text, length);
    memcpy(written + head + length, "\r\n", 2);
    head += length + 2;
    length = 0;
  }
}

static void publish(int messages) {
  append(messages);
  for (int i = count - 1; i >= 0; i--)
    if (!connections[fds[i]].waiting) write_on(fds[i]);
}

static void drain(void) {
  double until = now() + 60;
  while (acknowledged < published && now() < until) pump(1000);
}

static uint64_t run_for(bool burst, int messages, double seconds) {
  uint64_t before = published;
  double until = now() + seconds;
  while (now() < until) {
    if (burst) {
      publish(messages);
      drain();
    } else {
      bool room = published - acknowledged < (uint64_t)messages;
      if (room) publish(1);
      pump(room ? 0 : 1000);
    }
  }
  drain();
  return published - before;
}

static bool command(void) {
  char line[256] = {0}, kind[16] = {0};
  int messages, warm, time;
  if (read(0, line, sizeof line - 1) <= 0) return false;
  if (sscanf(line, "%15s %d %d %d", kind, &messages, &warm, &time) != 4) return false;
  bool burst = !strcmp(kind, "burst");
  run_for(burst, messages, warm / 1000.0);
  double began = now(), used = cpu();
  uint64_t done = run_for(burst, messages, time / 1000.0);
  printf("{\"messages\":%llu,\"cpu\":%.6f,\"wall\":%.6f}\n", (unsigned long long)done, cpu() - used, now() - began);
  return true;
}

int main(void) {
  int port, control_port;
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  written = malloc(LOG);
  poller = epoll_create1(EPOLL_CLOEXEC);
  listener = serve(&port);
  control_listener = serve(&control_port);
  watch(0, EPOLLIN, EPOLL_CTL_ADD);
  printf("{\"port\":%d,\"control\":%d}\n", port, control_port);
  for (;;) pump(-1);
}
