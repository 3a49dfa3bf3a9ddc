// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#include "CAllocationCount.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

static __thread long count;
static _Atomic int counts_all;
static _Atomic long total;

static inline void note(void) {
  count++;
  if (__builtin_expect(atomic_load_explicit(&counts_all, memory_order_relaxed), 0))
    atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  note();
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  note();
  return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  note();
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}

long spanqueue_allocation_count(void) { return count; }

long spanqueue_process_allocation_count(void) {
  atomic_store_explicit(&counts_all, 1, memory_order_relaxed);
  return atomic_load_explicit(&total, memory_order_relaxed);
}
