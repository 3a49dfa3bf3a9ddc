// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

// Preloaded into redis-server by the scenario crash-in-fsync: a disk that takes a second to sync.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int descriptor) {
    sleep(1);
    return (int)syscall(SYS_fdatasync, descriptor);
}
