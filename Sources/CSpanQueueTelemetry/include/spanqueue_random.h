// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_RANDOM_H
#define SPANQUEUE_RANDOM_H

#include <stdint.h>

/// The state of xoshiro256** (Blackman and Vigna 2018), one a thread: all zero says "not seeded".
struct spanqueue_random_state {
  uint64_t word[4];
};

extern __thread struct spanqueue_random_state spanqueue_random_state;

/// Seeds the calling thread's generator from the system.
void spanqueue_random_seed(void);

static inline uint64_t spanqueue_random_rotate(uint64_t value, int bits) {
  return (value << bits) | (value >> (64 - bits));
}

/// The next 64 bits of the calling thread's generator. For ids, which have to be different and not secret: two threads, or a
/// process and its fork, never share a state, and nobody takes a lock.
static inline uint64_t spanqueue_random_next(void) {
  struct spanqueue_random_state *state = &spanqueue_random_state;
  if (__builtin_expect((state->word[0] | state->word[1] | state->word[2] | state->word[3]) == 0, 0)) spanqueue_random_seed();
  uint64_t result = spanqueue_random_rotate(state->word[1] * 5, 7) * 9;
  uint64_t shifted = state->word[1] << 17;
  state->word[2] ^= state->word[0];
  state->word[3] ^= state->word[1];
  state->word[1] ^= state->word[2];
  state->word[0] ^= state->word[3];
  state->word[2] ^= shifted;
  state->word[3] = spanqueue_random_rotate(state->word[3], 45);
  return result;
}

#endif
