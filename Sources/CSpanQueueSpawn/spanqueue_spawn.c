#define _GNU_SOURCE
#include "spanqueue_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <features.h>
#include <sys/syscall.h>
#endif

static int add_actions(posix_spawn_file_actions_t *actions, int input, int output, int error) {
  int result = posix_spawn_file_actions_adddup2(actions, input, 0);
  if (result == 0) result = posix_spawn_file_actions_adddup2(actions, output, 1);
  if (result == 0) result = posix_spawn_file_actions_adddup2(actions, error, 2);
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)
  // libcurl and others open descriptors without close-on-exec: an open connection must not live on in a program.
  if (result == 0) result = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
#endif
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
