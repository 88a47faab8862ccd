// Preloaded into the processes of fixtures: a kernel that is silent or hangs, and threads that are slow where it hurts.
// The environment says what:
//
//   IPVS_NETLINK=silent        what is sent on a netlink socket goes nowhere, so nothing is answered
//   IPVS_NETLINK=hang          sendmsg() on a netlink socket does not return
//   IPVS_SENT=FILE             one byte is appended for each sendmsg() on a netlink socket
//   IPVS_SLOW_UNLOCK=MICROS    threads other than the first sleep for up to so long after pthread_mutex_unlock()
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *netlink_mode;
static const char *sent_file;
static long slow_unlock;

__attribute__((constructor)) static void read_environment(void) {
  netlink_mode = getenv("IPVS_NETLINK");
  sent_file = getenv("IPVS_SENT");
  const char *micros = getenv("IPVS_SLOW_UNLOCK");
  slow_unlock = micros ? atol(micros) : 0;
}

static void sleep_micros(long micros) {
  const struct timespec time = {micros / 1000000, micros % 1000000 * 1000};
  nanosleep(&time, NULL);
}

static int is_netlink(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  if ((netlink_mode || sent_file) && is_netlink(fd)) {
    if (sent_file) {
      const int file = open(sent_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
      if (file < 0 || write(file, ".", 1) != 1) abort();
      close(file);
    }
    if (netlink_mode && strcmp(netlink_mode, "hang") == 0) {
      for (;;) sleep_micros(1000000);
    }
    if (netlink_mode && strcmp(netlink_mode, "silent") == 0) {
      ssize_t size = 0;
      for (size_t i = 0; i < message->msg_iovlen; i++) size += (ssize_t)message->msg_iov[i].iov_len;
      return size;
    }
  }
  return syscall(SYS_sendmsg, fd, message, flags);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  static int (*real)(pthread_mutex_t *);
  int (*unlock)(pthread_mutex_t *) = __atomic_load_n(&real, __ATOMIC_RELAXED);
  if (!unlock) {
    unlock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    __atomic_store_n(&real, unlock, __ATOMIC_RELAXED);
  }
  const int result = unlock(mutex);
  if (slow_unlock > 0 && syscall(SYS_gettid) != getpid()) {
    // Each thread its own pattern: sleeps that are all the same keep the order that there is.
    static __thread unsigned state;
    if (state == 0) state = (unsigned)syscall(SYS_gettid);
    state = state * 1664525U + 1013904223U;
    if (state >> 31) sleep_micros((long)(state >> 8) % slow_unlock);
  }
  return result;
}
