// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_SPAWN_H
#define SPANQUEUE_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/// Starts a program as the leader of a process group of its own, with the three descriptors as its standard input, output
/// and error and no other one open, an empty signal mask and every signal at its default. The three must be above 2. On Linux
/// it is killed when the calling thread ends, and so when this process does, however that ends: call it from a thread that stays.
///
/// Returns 0 or the errno; nothing is started then, also where it was `execve` that failed.
int spanqueue_spawn(pid_t *pid, const char *path, char *const arguments[], char *const environment[], int input,
                    int output, int error);

/// A pipe whose ends are above 2 and close on exec from the start, so that no other thread's program inherits them.
/// `ours` (0 for the reading end, 1 for the writing one) does not block. Returns 0 or the errno.
int spanqueue_pipe(int ends[2], int ours);

/// A descriptor that becomes readable when the child ends, closed on exec; -1 where the system has none.
int spanqueue_process_descriptor(pid_t pid);

enum spanqueue_end {
  spanqueue_end_running,
  spanqueue_end_exit,
  spanqueue_end_signal,
  /// Someone else has reaped it, or SIGCHLD is ignored: how it ended nobody knows.
  spanqueue_end_unknown,
};

/// How the child ended, and into `value` its exit code or signal. Unless `reap` is not 0 it stays a zombie, so that its
/// number, and that of its group, is not given to anyone else. Never waits, and reaps only what has ended.
enum spanqueue_end spanqueue_child_end(pid_t pid, int reap, int *value);

/// Raises the soft limit of open files to the hard one, to 65,536 at most; programs that are started later get back the one
/// that was inherited. Returns the limit in effect.
uint64_t spanqueue_raise_descriptor_limit(void);

/// Whether a signal is ignored, as `nohup` has SIGHUP ignored.
int spanqueue_signal_is_ignored(int number);

/// Some child that has ended and was not waited for, which stays so; 0 where there is none.
pid_t spanqueue_ended_child(void);

/// Takes a child that has ended off the system's table; does nothing to one that runs.
void spanqueue_reap(pid_t pid);

/// The children that have ended and were not waited for, as /proc has them. Returns how many were found, `capacity` at most.
int spanqueue_zombies(pid_t *found, int capacity);

#endif
