// The floor of a listing: reads a file with a buffer of this size and does nothing else. Prints milliseconds and reads.
//
//   read-file FILE BYTES
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words) {
  if (count != 3) return 2;
  size_t size = (size_t)atol(words[2]);
  char *buffer = malloc(size);
  int fd = open(words[1], O_RDONLY);
  if (fd < 0 || !buffer) {
    perror(words[1]);
    return 1;
  }
  struct timespec from, to;
  long reads = 0;
  ssize_t got;
  clock_gettime(CLOCK_MONOTONIC, &from);
  while ((got = read(fd, buffer, size)) > 0) reads++;
  clock_gettime(CLOCK_MONOTONIC, &to);
  if (got < 0) {
    perror("read");
    return 1;
  }
  printf("%.3f %ld\n", (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6, reads);
  return 0;
}
