/* Preloaded into a service under test: delays fsync, fdatasync and msync by the number of milliseconds that the file
 * $SYNC_WATCH_DELAY holds (absent: none), then notes each call that succeeded as "<micros since the epoch> <path>" in
 * $SYNC_WATCH_LOG. It shows what was on disk, and when, which a kill cannot show: the page cache survives a process.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void hold(void) {
  const char *file = getenv("SYNC_WATCH_DELAY");
  FILE *f = file ? fopen(file, "r") : NULL;
  long ms = 0;
  if (!f) return;
  if (fscanf(f, "%ld", &ms) == 1 && ms > 0) {
    struct timespec t = { ms / 1000, (ms % 1000) * 1000000L };
    nanosleep(&t, NULL);
  }
  fclose(f);
}

static void note(int fd) {
  char link[64], path[4096], line[4200];
  const char *log = getenv("SYNC_WATCH_LOG");
  struct timeval now;
  if (!log) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return;
  path[n] = 0;
  gettimeofday(&now, NULL);
  int length = snprintf(line, sizeof line, "%ld %s\n", now.tv_sec * 1000000L + now.tv_usec, path);
  int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (out >= 0) { if (write(out, line, (size_t)length) < 0) {} close(out); }
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fsync");
  hold();
  int result = real(fd);
  if (result == 0) note(fd);
  return result;
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  hold();
  int result = real(fd);
  if (result == 0) note(fd);
  return result;
}

int msync(void *address, size_t length, int flags) {
  static int (*real)(void *, size_t, int);
  if (!real) real = dlsym(RTLD_NEXT, "msync");
  hold();
  return real(address, length, flags);
}
