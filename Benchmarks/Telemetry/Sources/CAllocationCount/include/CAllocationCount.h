// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

/// How often the calling thread has allocated memory. The program's own malloc counts, and hands on to glibc's.
long spanqueue_allocation_count(void);

/// How often all threads together have allocated memory since the first call. For work whose thread is not ours to choose;
/// before the first call nothing is counted here, so that it costs nobody else.
long spanqueue_process_allocation_count(void);

#endif
