// Preloaded: takes bytes off one attribute of a request, so that the kernel refuses what the library would never send.
//
//   IPVS_SHORTEN="COMMAND ATTRIBUTE... LENGTH"     numbers: of the IPVS command, of the attribute, nests outside in, and
//                                                  what its payload is cut to
#define _GNU_SOURCE
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 8 };

static long wanted[MOST];
static int count;

__attribute__((constructor)) static void read_environment(void) {
  const char *text = getenv("IPVS_SHORTEN");
  for (char *end; text && count < MOST; text = end) {
    wanted[count] = strtol(text, &end, 10);
    if (end == text) break;
    count++;
  }
}

// The attributes keep their places: what is cut off becomes padding, or an attribute that nobody can read.
static void shorten(char *at, char *end, const long *path, int left) {
  while (end - at >= NLA_HDRLEN) {
    struct nlattr *attribute = (struct nlattr *)at;
    if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > end - at) return;
    if (attribute->nla_type == path[0]) {
      if (left == 1) {
        attribute->nla_len = (unsigned short)(NLA_HDRLEN + path[1]);
      } else {
        shorten(at + NLA_HDRLEN, at + attribute->nla_len, path + 1, left - 1);
      }
      return;
    }
    at += NLA_ALIGN(attribute->nla_len);
  }
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  char *at = message->msg_iov[0].iov_base;
  char *end = at + message->msg_iov[0].iov_len;
  while (count > 2 && end - at >= NLMSG_HDRLEN + GENL_HDRLEN) {
    struct nlmsghdr *header = (struct nlmsghdr *)at;
    struct genlmsghdr *generic = NLMSG_DATA(header);
    if (header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > end - at) break;
    if (header->nlmsg_type > GENL_ID_CTRL && generic->cmd == wanted[0]) {
      shorten((char *)generic + GENL_HDRLEN, at + header->nlmsg_len, wanted + 1, count - 2);
    }
    at += NLMSG_ALIGN(header->nlmsg_len);
  }
  return syscall(SYS_sendmsg, fd, message, flags);
}
