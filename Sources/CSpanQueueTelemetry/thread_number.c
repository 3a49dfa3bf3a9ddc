// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#include "CSpanQueueTelemetry.h"

#include <stdatomic.h>

__thread uint32_t spanqueue_thread_number_value = 0;

static _Atomic uint32_t next_number = 1;

uint32_t spanqueue_thread_number_assign(void) {
  uint32_t number = atomic_fetch_add_explicit(&next_number, 1, memory_order_relaxed);
  // After 2^32 threads the count wraps; 0 means "none yet", so it is left out.
  spanqueue_thread_number_value = number == 0 ? 1 : number;
  return spanqueue_thread_number_value;
}
