// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#define _GNU_SOURCE
#include "spanqueue_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sys/resource.h>

#ifdef __linux__
#include <dirent.h>
#include <features.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

/// The soft limit of descriptors that this process was started with, where it has raised it since; programs get it back.
static rlim_t inherited_descriptors;
static int has_raised_descriptors;

#ifdef __linux__

/// What the child needs between fork and exec.
struct plan {
  const char *path;
  char *const *arguments;
  char *const *environment;
  int descriptors[3];
  pid_t parent;
  volatile int failure;
};

static void close_from_three(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0) return;
#endif
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536) limit.rlim_cur = 65536;
  for (int descriptor = 3; descriptor < (int)limit.rlim_cur; descriptor++) close(descriptor);
}

/// In the child, which shares our memory until it has become the program: system calls and its own variables only.
static void become(struct plan *plan) {
  struct sigaction standard;
  memset(&standard, 0, sizeof(standard));
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  setpgid(0, 0);
  for (int standard_descriptor = 0; standard_descriptor < 3; standard_descriptor++) {
    if (dup2(plan->descriptors[standard_descriptor], standard_descriptor) < 0) goto failed;
  }
  // libcurl and others open descriptors without close-on-exec: an open connection must not live on in a program.
  close_from_three();
  if (has_raised_descriptors) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
      limit.rlim_cur = inherited_descriptors;
      setrlimit(RLIMIT_NOFILE, &limit);
    }
  }
  // The program dies when the thread that started it does, which is when the worker does, by SIGKILL too.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != plan->parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(plan->path, plan->arguments, plan->environment);
failed:
  plan->failure = errno;
  _exit(127);
}

/// vfork and not posix_spawn, which can't ask for the death signal. All signals are blocked meanwhile: a handler that ran in the
/// child would run on our memory.
__attribute__((noinline)) static pid_t fork_and_become(struct plan *plan) {
  pid_t child = vfork();
  if (child == 0) become(plan);
  return child;
}

int spanqueue_spawn(pid_t *pid, const char *path, char *const arguments[], char *const environment[], int input,
                    int output, int error) {
  struct plan plan = {
    .path = path, .arguments = arguments, .environment = environment, .descriptors = {input, output, error},
    .parent = getpid(), .failure = 0,
  };
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pid_t child = fork_and_become(&plan);
  int result = child < 0 ? errno : plan.failure;
  if (child > 0 && result != 0) {
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (result == 0) *pid = child;
  return result;
}

#else

static int add_actions(posix_spawn_file_actions_t *actions, int input, int output, int error) {
  int result = posix_spawn_file_actions_adddup2(actions, input, 0);
  if (result == 0) result = posix_spawn_file_actions_adddup2(actions, output, 1);
  if (result == 0) result = posix_spawn_file_actions_adddup2(actions, error, 2);
  return result;
}

static int set_attributes(posix_spawnattr_t *attributes) {
  short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
  flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  int result = posix_spawnattr_setflags(attributes, flags);
  if (result == 0) result = posix_spawnattr_setpgroup(attributes, 0);
  if (result == 0) result = posix_spawnattr_setsigmask(attributes, &none);
  if (result == 0) result = posix_spawnattr_setsigdefault(attributes, &all);
  return result;
}

int spanqueue_spawn(pid_t *pid, const char *path, char *const arguments[], char *const environment[], int input,
                    int output, int error) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int result = posix_spawn_file_actions_init(&actions);
  if (result != 0) return result;
  result = posix_spawnattr_init(&attributes);
  if (result != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return result;
  }
  result = add_actions(&actions, input, output, error);
  if (result == 0) result = set_attributes(&attributes);
  if (result == 0) result = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return result;
}

#endif

/// A worker that was started with its standard descriptors closed gets their numbers for its pipes.
static int above_standard(int descriptor) {
  if (descriptor > 2) return descriptor;
  int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  int saved = errno;
  close(descriptor);
  errno = saved;
  return moved;
}

int spanqueue_pipe(int ends[2], int ours) {
#ifdef __linux__
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
#else
  if (pipe(ends) != 0) return errno;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#endif
  ends[0] = above_standard(ends[0]);
  int saved = errno;
  ends[1] = above_standard(ends[1]);
  if (ends[0] >= 0 && ends[1] >= 0) {
    int flags = fcntl(ends[ours], F_GETFL);
    if (flags >= 0 && fcntl(ends[ours], F_SETFL, flags | O_NONBLOCK) == 0) return 0;
    saved = errno;
  } else if (ends[0] >= 0) {
    saved = errno;
  }
  if (ends[0] >= 0) close(ends[0]);
  if (ends[1] >= 0) close(ends[1]);
  return saved;
}

int spanqueue_process_descriptor(pid_t pid) {
#if defined(__linux__) && defined(SYS_pidfd_open)
  return (int)syscall(SYS_pidfd_open, pid, 0);
#else
  (void)pid;
  return -1;
#endif
}

enum spanqueue_end spanqueue_child_end(pid_t pid, int reap, int *value) {
  siginfo_t info;
  memset(&info, 0, sizeof(info));
  int result;
  do {
    result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | (reap ? 0 : WNOWAIT));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return spanqueue_end_unknown;
  if (info.si_pid == 0) return spanqueue_end_running;
  *value = info.si_status;
  return info.si_code == CLD_EXITED ? spanqueue_end_exit : spanqueue_end_signal;
}

uint64_t spanqueue_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  rlim_t wanted = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > 65536 ? 65536 : limit.rlim_max;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) != 0) return limit.rlim_cur;
  if (!has_raised_descriptors) inherited_descriptors = limit.rlim_cur;
  has_raised_descriptors = 1;
  return wanted;
}

int spanqueue_signal_is_ignored(int number) {
  struct sigaction action;
  return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

pid_t spanqueue_ended_child(void) {
  siginfo_t info;
  memset(&info, 0, sizeof(info));
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

void spanqueue_reap(pid_t pid) { waitpid(pid, NULL, WNOHANG); }

int spanqueue_zombies(pid_t *found, int capacity) {
  int count = 0;
#ifdef __linux__
  DIR *folder = opendir("/proc");
  if (folder == NULL) return 0;
  struct dirent *entry;
  while (count < capacity && (entry = readdir(folder)) != NULL) {
    char *end;
    long number = strtol(entry->d_name, &end, 10);
    if (*end != '\0' || number <= 0) continue;
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%ld/stat", number);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    ssize_t length = read(file, line, sizeof(line) - 1);
    close(file);
    if (length <= 0) continue;
    line[length] = '\0';
    // The name stands in parentheses, and may have any character in it.
    char *rest = strrchr(line, ')');
    char state;
    int parent;
    if (rest == NULL || sscanf(rest + 1, " %c %d", &state, &parent) != 2) continue;
    if (state == 'Z' && parent == getpid()) found[count++] = (pid_t)number;
  }
  closedir(folder);
#else
  (void)found;
  (void)capacity;
#endif
  return count;
}
