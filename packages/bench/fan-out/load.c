// The load: opens connections on the loopback interface, reads them, and counts messages. One thread, epoll.
//
//   load <port> <control port> [latency] [verify] [acks] [mute] [sleeps]
//
// Each message contains `~` and 16 digits once. With `latency` they are the time at which the message was due, in
// microseconds of CLOCK_MONOTONIC. With `verify` they are its number.
// With `acks` it sends a byte to the control port for each message that all connections have. With `mute` it reads
// nothing. It polls without a pause. With `sleeps` it waits in the kernel, and then each writer pays for waking it.
//
// Each command is a line on stdin, and its answer a line of JSON:
//   open <count> <modulus> <path> [<id prefix> <first> <step>]
//                    `#` in the path stands for the connection's index modulo <modulus>; connection i sends
//                    Last-Event-ID <prefix><first + i * step>
//   await <head>     answers when every connection has all messages up to this number
//   stats, reset, close
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 20000, AT_ONCE = 128, DIGITS = 16, BUFFER = 1 << 18, BUCKETS = 6000000, BUCKET_US = 10 };

struct connection {
  int fd;
  uint32_t count;
  uint64_t start, value;
  uint8_t head, digits;
  char last;
};

static struct connection connections[MOST];
static int opened, wanted, ready, lost, poller, control = -1, port;
static bool latency, verify, acks, mute, sleeps, opening;
static char path[256], prefix[160];
static int modulus = 1;
static uint64_t first_id, id_step;
static uint64_t bytes, reads, messages, wrong, began, awaited;
static bool awaiting;
static uint32_t *passed;
static size_t passed_size, complete;
static uint32_t histogram[BUCKETS];
static uint64_t measured, longest;
static char buffer[BUFFER];

static uint64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int dial(int to) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return fd;
}

static void count_passed(struct connection *each) {
  size_t number = ++each->count;
  messages++;
  if (!acks) return;
  if (number >= passed_size) {
    size_t size = passed_size ? passed_size * 2 : 1 << 16;
    passed = realloc(passed, size * sizeof *passed);
    if (!passed) fail("realloc");
    memset(passed + passed_size, 0, (size - passed_size) * sizeof *passed);
    passed_size = size;
  }
  passed[number]++;
}

static void take_digits(struct connection *each, uint64_t present) {
  if (verify && each->value != each->start + each->count + 1) wrong++;
  if (latency) {
    uint64_t took = present > each->value ? present - each->value : 0;
    uint64_t bucket = took / BUCKET_US;
    histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    measured++;
    if (took > longest) longest = took;
  }
  count_passed(each);
}

static void consume(struct connection *each, const char *from, size_t length) {
  const char *end = from + length;
  const char *first = from;
  char before = each->last;
  each->last = end[-1];
  uint64_t present = latency ? now_us() : 0;
  while (each->head < 4 && from < end) {
    char wanted_next = each->head % 2 ? '\n' : '\r';
    each->head = *from == wanted_next ? each->head + 1 : *from == '\r';
    from++;
    if (each->head == 4) ready++;
  }
  while (from < end) {
    if (each->digits > 0) {
      each->value = each->value * 10 + (uint64_t)(*from++ - '0');
      if (--each->digits == 0) take_digits(each, present);
      continue;
    }
    from = memchr(from, '~', (size_t)(end - from));
    if (!from) return;
    char left = from > first ? from[-1] : before;
    from++;
    // The ids of a stream with several channels have one, too, behind the name of a channel.
    if (left != ' ' && left != ':') continue;
    if (latency || verify) {
      each->digits = DIGITS;
      each->value = 0;
    } else count_passed(each);
  }
}

static void drop(struct connection *each) {
  close(each->fd);
  each->fd = -1;
  lost++;
}

static void receive(struct connection *each) {
  ssize_t length = recv(each->fd, buffer, BUFFER, 0);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length <= 0) return drop(each);
  bytes += (uint64_t)length;
  reads++;
  consume(each, buffer, (size_t)length);
}

static void open_one(int index) {
  char request[1024], target[300];
  const char *hole = strchr(path, '#');
  if (hole) snprintf(target, sizeof target, "%.*s%d%s", (int)(hole - path), path, index % modulus, hole + 1);
  else snprintf(target, sizeof target, "%s", path);
  struct connection *each = &connections[index];
  memset(each, 0, sizeof *each);
  each->fd = dial(port);
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n", target);
  if (*prefix) {
    each->start = first_id + (uint64_t)index * id_step;
    length += snprintf(request + length, sizeof request - (size_t)length, "Last-Event-ID: %s%llu\r\n", prefix, (unsigned long long)each->start);
  }
  length += snprintf(request + length, sizeof request - (size_t)length, "\r\n");
  if (send(each->fd, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
  if (mute) {
    ready++;
    return;
  }
  fcntl(each->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, each->fd, &event) < 0) fail("epoll_ctl");
}

static void close_all(void) {
  struct linger none = {.l_onoff = 1, .l_linger = 0};
  for (int i = 0; i < opened; i++) {
    if (connections[i].fd < 0) continue;
    setsockopt(connections[i].fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(connections[i].fd);
  }
  opened = wanted = ready = lost = 0;
}

static double quantile(double part) {
  uint64_t rank = (uint64_t)((double)measured * part), seen = 0;
  for (size_t i = 0; i < BUCKETS; i++)
    if ((seen += histogram[i]) > rank) return (double)(i * BUCKET_US) / 1000;
  return (double)longest / 1000;
}

static void answer_stats(void) {
  uint32_t least = UINT32_MAX, most = 0;
  for (int i = 0; i < opened; i++) {
    if (connections[i].count < least) least = connections[i].count;
    if (connections[i].count > most) most = connections[i].count;
  }
  printf("{\"connections\":%d,\"lost\":%d,\"bytes\":%llu,\"reads\":%llu,\"messages\":%llu,\"wrong\":%llu,\"least\":%u,\"most\":%u", opened, lost,
         (unsigned long long)bytes, (unsigned long long)reads, (unsigned long long)messages, (unsigned long long)wrong, opened ? least : 0, most);
  printf(",\"p50\":%.2f,\"p99\":%.2f,\"longest\":%.2f}\n", quantile(0.5), quantile(0.99), (double)longest / 1000);
}

static void reset(void) {
  bytes = reads = messages = wrong = measured = longest = 0;
  memset(histogram, 0, sizeof histogram);
  printf("{}\n");
}

static void command(char *line) {
  if (!strncmp(line, "open ", 5)) {
    int count = 0;
    *prefix = 0;
    sscanf(line, "open %d %d %255s %159s %llu %llu", &count, &modulus, path, prefix, (unsigned long long *)&first_id, (unsigned long long *)&id_step);
    wanted = opened + count;
    if (wanted > MOST) wanted = MOST;
    opening = true;
    began = now_us();
  } else if (!strncmp(line, "await ", 6)) {
    awaited = strtoull(line + 6, NULL, 10);
    awaiting = true;
  } else if (!strcmp(line, "stats")) answer_stats();
  else if (!strcmp(line, "reset")) reset();
  else if (!strcmp(line, "close")) {
    close_all();
    printf("{}\n");
  } else printf("{\"error\":\"unknown command\"}\n");
}

static void read_commands(void) {
  static char lines[4096];
  static size_t held;
  ssize_t length = read(0, lines + held, sizeof lines - held - 1);
  if (length <= 0) exit(0);
  held += (size_t)length;
  lines[held] = 0;
  char *line = lines, *end;
  while ((end = strchr(line, '\n'))) {
    *end = 0;
    command(line);
    line = end + 1;
  }
  held -= (size_t)(line - lines);
  memmove(lines, line, held);
}

static bool has_awaited(void) {
  for (int i = 0; i < opened; i++)
    if (connections[i].start + connections[i].count < awaited) return false;
  return true;
}

static void acknowledge(void) {
  char acknowledgements[4096] = {0};
  size_t count = 0;
  while (opened > 0 && !opening && complete + 1 < passed_size && passed[complete + 1] >= (uint32_t)opened && count < sizeof acknowledgements) {
    complete++;
    count++;
  }
  if (count > 0 && send(control, acknowledgements, count, MSG_NOSIGNAL) < 0) fail("control");
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  port = atoi(arguments[1]);
  for (int i = 3; i < count; i++) {
    latency |= !strcmp(arguments[i], "latency");
    verify |= !strcmp(arguments[i], "verify");
    acks |= !strcmp(arguments[i], "acks");
    mute |= !strcmp(arguments[i], "mute");
    sleeps |= !strcmp(arguments[i], "sleeps");
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event input = {.events = EPOLLIN, .data.u32 = MOST};
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
  if (acks) control = dial(atoi(arguments[2]));
  printf("{}\n");
  static struct epoll_event events[1024];
  for (;;) {
    while (opened < wanted && opened - ready < AT_ONCE) open_one(opened++);
    if (opening && opened == wanted && ready >= opened) {
      opening = false;
      printf("{\"opened\":%d,\"ms\":%.2f}\n", opened, (double)(now_us() - began) / 1000);
    }
    int happened = epoll_wait(poller, events, 1024, sleeps && opened == wanted ? -1 : 0);
    for (int i = 0; i < happened; i++) {
      uint32_t index = events[i].data.u32;
      if (index == MOST) read_commands();
      else if (connections[index].fd >= 0) receive(&connections[index]);
    }
    if (acks) acknowledge();
    if (awaiting && !opening && has_awaited()) {
      awaiting = false;
      printf("{\"ms\":%.2f}\n", (double)(now_us() - began) / 1000);
    }
  }
}
