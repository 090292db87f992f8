// Preloaded into a Redis server: its wall clock is CLOCK_OFFSET_S seconds away from everybody else's, its monotonic
// clock is not. (libfaketime does the same for other programs; with Redis it meets jemalloc and neither starts.)
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset_s(void) { const char *text = getenv("CLOCK_OFFSET_S"); return text ? atol(text) : 0; }
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
