// The floor: what the kernel itself costs. Messages are encoded before the clock starts, sent in windows of up to 32 KiB
// with one acknowledgement at the end of each, and read with as few calls as there can be. No library, no checks.
//
//   floor write SERVICES DESTINATIONS LADDRS FULLNAT   adds the table, prints milliseconds and the number of operations
//   floor read SERVICES LADDRS                         lists services, then each one's destinations (and laddrs), prints
//                                                      milliseconds and the number of records
//   floor run COMMAND...                               runs a program, then prints its milliseconds and its peak RSS in KB
//                                                      as the last line of standard error
//
// The table is that of test/bench/table.cjs.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NEW_SERVICE = 1, GET_SERVICE = 4, NEW_DEST = 5, GET_DEST = 8, NEW_LADDR = 18, GET_LADDR = 20 };
enum { WINDOW = 32768, DATAGRAM = 32768, DATAGRAMS = 16 };

static int fd;
static uint16_t family;
static uint32_t sequence;
static unsigned char *data, *end;
static char received[DATAGRAMS][DATAGRAM];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static unsigned char *attribute(int type, const void *value, size_t size) {
  struct nlattr header = {(uint16_t)(4 + size), (uint16_t)type};
  unsigned char *start = end;
  memcpy(end, &header, 4);
  if (size) memcpy(end + 4, value, size);
  end += 4 + ((size + 3) & ~(size_t)3);
  return start;
}

static void close_nest(unsigned char *start) {
  uint16_t size = (uint16_t)(end - start);
  memcpy(start, &size, 2);
}

static unsigned char *begin(int command, int flags) {
  struct nlmsghdr header = {0, family, (uint16_t)(NLM_F_REQUEST | flags), ++sequence, 0};
  struct genlmsghdr generic = {(uint8_t)command, 1, 0};
  unsigned char *start = end;
  memcpy(end, &header, 16);
  memcpy(end + 16, &generic, 4);
  end += 20;
  return start;
}

static void finish(unsigned char *start) {
  uint32_t size = (uint32_t)(end - start);
  memcpy(start, &size, 4);
}

static void u16(int type, uint16_t value) { attribute(type, &value, 2); }
static void u32(int type, uint32_t value) { attribute(type, &value, 4); }

static void address(int type, uint32_t host) {
  unsigned char bytes[16] = {0};
  uint32_t word = htonl(host);
  memcpy(bytes, &word, 4);
  attribute(type, bytes, 16);
}

static unsigned char *service(int i) {
  unsigned char *nest = attribute(1, NULL, 0);
  u16(1, AF_INET);
  u16(2, 6);
  address(3, 0xc0000000u + (uint32_t)i);
  u16(4, htons(80));
  return nest;
}

static void new_service(int i) {
  unsigned char *message = begin(NEW_SERVICE, 0), *nest = service(i);
  uint32_t flags[2] = {0, 5};
  attribute(6, "rr", 3);
  attribute(7, flags, 8);
  u32(8, 0);
  u32(9, 0xffffffffu);
  close_nest(nest);
  finish(message);
}

static void new_dest(int i, int j, int method) {
  unsigned char *message = begin(NEW_DEST, 0), *nest = service(i);
  close_nest(nest);
  nest = attribute(2, NULL, 0);
  address(1, 0x0a020001u + ((uint32_t)j << 8)); // 10.2.0.1, 10.2.1.1 … 10.3.0.1 …
  u16(2, htons(8080));
  u32(3, (uint32_t)method);
  u32(4, 1);
  u32(5, 0);
  u32(6, 0);
  close_nest(nest);
  finish(message);
}

static void new_laddr(int i, int k) {
  unsigned char *message = begin(NEW_LADDR, 0), *nest = service(i);
  close_nest(nest);
  nest = attribute(7, NULL, 0);
  address(1, 0x0a010001u + (uint32_t)k);
  close_nest(nest);
  finish(message);
}

// Receives until the answer to `last` (an acknowledgement or NLMSG_DONE) has come; returns the other messages.
static long receive(uint32_t last) {
  static struct mmsghdr headers[DATAGRAMS];
  static struct iovec vectors[DATAGRAMS];
  long messages = 0;
  for (;;) {
    for (int i = 0; i < DATAGRAMS; i++) {
      vectors[i] = (struct iovec){received[i], DATAGRAM};
      headers[i] = (struct mmsghdr){{NULL, 0, &vectors[i], 1, NULL, 0, 0}, 0};
    }
    // Not MSG_WAITFORONE: 2.6.32 does not know it and waits for all of them.
    int count = recvmmsg(fd, headers, DATAGRAMS, MSG_DONTWAIT, NULL);
    if (count < 0 && errno == EAGAIN) {
      struct pollfd waiting = {fd, POLLIN, 0};
      poll(&waiting, 1, -1);
      continue;
    }
    if (count < 0) die("recvmmsg");
    for (int i = 0; i < count; i++) {
      struct nlmsghdr *header = (struct nlmsghdr *)received[i];
      int left = (int)headers[i].msg_len;
      for (; NLMSG_OK(header, (unsigned)left); header = NLMSG_NEXT(header, left)) {
        if (header->nlmsg_type == NLMSG_ERROR) {
          int error = *(int *)NLMSG_DATA(header);
          if (error) {
            errno = -error;
            die("kernel");
          }
          if (header->nlmsg_seq == last) return messages;
        } else if (header->nlmsg_type == NLMSG_DONE) {
          return messages;
        } else {
          messages++;
        }
      }
    }
  }
}

static void find_family(void) {
  struct {
    struct nlmsghdr header;
    struct genlmsghdr generic;
    struct nlattr attribute;
    char name[8];
  } request = {{32 - 3 + 0, GENL_ID_CTRL, NLM_F_REQUEST, 1, 0}, {CTRL_CMD_GETFAMILY, 1, 0}, {9, CTRL_ATTR_FAMILY_NAME}, "IPVS"};
  request.header.nlmsg_len = 32;
  if (send(fd, &request, 32, 0) < 0) die("send");
  long size = recv(fd, received[0], DATAGRAM, 0);
  if (size < 0) die("recv");
  struct nlattr *at = (struct nlattr *)(received[0] + 20);
  while ((char *)at < received[0] + size && at->nla_len >= 4) {
    if (at->nla_type == CTRL_ATTR_FAMILY_ID) family = *(uint16_t *)(at + 1);
    at = (struct nlattr *)((char *)at + ((at->nla_len + 3) & ~3));
  }
  if (family < 16) {
    fprintf(stderr, "no IPVS\n");
    exit(1);
  }
}

static double write_table(int services, int dests, int laddrs, int fullnat, long *operations) {
  size_t count = (size_t)services * (size_t)(1 + dests + laddrs);
  data = end = malloc(count * 256);
  unsigned char **starts = malloc((count + 1) * sizeof *starts);
  size_t n = 0;
  for (int i = 0; i < services; i++) {
    starts[n++] = end, new_service(i);
    for (int k = 0; k < laddrs; k++) starts[n++] = end, new_laddr(i, k);
    for (int j = 0; j < dests; j++) starts[n++] = end, new_dest(i, j, fullnat ? 5 : 0);
  }
  starts[n] = end;
  *operations = (long)n;
  double started = now();
  for (size_t from = 0; from < n;) {
    size_t to = from;
    while (to < n && starts[to + 1] - starts[from] <= WINDOW) to++;
    struct nlmsghdr *last = (struct nlmsghdr *)starts[to - 1];
    last->nlmsg_flags |= NLM_F_ACK;
    if (send(fd, starts[from], (size_t)(starts[to] - starts[from]), 0) < 0) die("send");
    receive(last->nlmsg_seq);
    from = to;
  }
  return now() - started;
}

static double read_table(int services, int laddrs, long *records) {
  data = end = malloc(4096);
  double started = now();
  begin(GET_SERVICE, NLM_F_DUMP);
  finish(data);
  if (send(fd, data, (size_t)(end - data), 0) < 0) die("send");
  *records = receive(0);
  for (int i = 0; i < services; i++) {
    for (int command = GET_DEST; command <= GET_LADDR; command += GET_LADDR - GET_DEST) {
      if (command == GET_LADDR && !laddrs) break;
      end = data;
      begin(command, NLM_F_DUMP);
      close_nest(service(i));
      finish(data);
      if (send(fd, data, (size_t)(end - data), 0) < 0) die("send");
      *records += receive(0);
    }
  }
  return now() - started;
}

// The peak is that of the child alone: this program is small when it forks, whereas a child of Node counts Node's pages.
static int run(char **command) {
  double started = now();
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // who kills this program means the other
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
  }
  int status = 0;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) != child) die("wait4");
  fprintf(stderr, "%.3f %ld\n", now() - started, usage.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
  if (argc > 2 && strcmp(argv[1], "run") == 0) return run(argv + 2);
  int writes = argc == 6 && strcmp(argv[1], "write") == 0;
  if (!writes && !(argc == 4 && strcmp(argv[1], "read") == 0)) return 2;
  fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  int size = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  find_family();
  long count = 0;
  double ms = writes ? write_table(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), &count)
                     : read_table(atoi(argv[2]), atoi(argv[3]), &count);
  printf("%.3f %ld\n", ms, count);
  return 0;
}
