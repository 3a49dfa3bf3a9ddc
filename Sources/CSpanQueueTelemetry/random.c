// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#include "spanqueue_random.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

__thread struct spanqueue_random_state spanqueue_random_state;

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

// In the child of a fork the one thread that is left would go on with its parent's sequence.
static void forget_seed(void) { spanqueue_random_state = (struct spanqueue_random_state){{0}}; }

static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_seed); }

void spanqueue_random_seed(void) {
  pthread_once(&fork_once, watch_forks);
  struct spanqueue_random_state seed = {{0}};
  if (getentropy(&seed, sizeof seed) != 0) {
    // Before Linux 3.17, or under a filter that refuses the call: time and place are different for each thread at least.
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed.word[0] = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
    seed.word[1] = (uint64_t)(uintptr_t)&spanqueue_random_state;
    seed.word[2] = (uint64_t)getpid();
  }
  seed.word[3] |= 1;
  spanqueue_random_state = seed;
}
