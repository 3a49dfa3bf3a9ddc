// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// Preloaded into redis-server: the time of day is what the test's process has written into a shared file, so that the scripts'
// TIME stands still until the test moves it; or goes on, so far ahead of the machine's as the file says where that is less than three
// years. The monotonic clock, by which Redis runs its own affairs, is left alone.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *micros;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("SPANQ_TEST_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *shared = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (shared != MAP_FAILED) micros = shared;
  close(file);
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  int64_t now = micros == NULL ? 0 : *micros;
  if (now < 100000000000000) {
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    now += (int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000;
  }
  time->tv_sec = now / 1000000;
  time->tv_usec = now % 1000000;
  return 0;
}
