// Preloaded into a server: its wall clock is CLOCK_OFFSET_S seconds away from everybody else's, its monotonic clock is
// not. With CLOCK_OFFSET_FILE, the seconds are what that file says at each moment, in eight bytes.
// (libfaketime does the same for other programs; with Redis it meets jemalloc and neither starts.)
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile const long *shared;
__attribute__((constructor)) static void share(void) {
  const char *file = getenv("CLOCK_OFFSET_FILE");
  int opened = file ? open(file, O_RDONLY) : -1;
  if (opened < 0) return;
  void *seen = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, opened, 0);
  if (seen != MAP_FAILED) shared = seen;
  close(opened);
}
static long offset_s(void) {
  if (shared) return *shared;
  const char *text = getenv("CLOCK_OFFSET_S");
  return text ? atol(text) : 0;
}
int clock_gettime(clockid_t id, struct timespec *now) {
  long result = syscall(SYS_clock_gettime, id, now);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += offset_s();
  return (int)result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  long result = syscall(SYS_gettimeofday, now, zone);
  if (result == 0 && now) now->tv_sec += offset_s();
  return (int)result;
}
time_t time(time_t *out) { struct timespec now; clock_gettime(CLOCK_REALTIME, &now); if (out) *out = now.tv_sec; return now.tv_sec; }
