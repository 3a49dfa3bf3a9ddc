// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_TELEMETRY_H
#define SPANQUEUE_TELEMETRY_H

#include <stdint.h>

#include "spanqueue_random.h"

/// A number of the calling thread's own, from 1 upwards in the order in which threads first ask; 0 says that it has not
/// asked yet. Swift has no thread-local variables, and a task-local is far too slow for something read at each increment.
extern __thread uint32_t spanqueue_thread_number_value;

/// Gives the calling thread its number.
uint32_t spanqueue_thread_number_assign(void);

static inline uint32_t spanqueue_thread_number(void) {
  uint32_t number = spanqueue_thread_number_value;
  return __builtin_expect(number != 0, 1) ? number : spanqueue_thread_number_assign();
}

#endif
