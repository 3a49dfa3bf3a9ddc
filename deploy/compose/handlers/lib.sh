# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
# Chance for the demo's handlers; read with `.`, not run.
# shellcheck shell=sh

# A number from 0 to 65535; the shell's own generators start alike in processes that start together.
random() { od -An -N2 -tu2 /dev/urandom | tr -d ' \n'; }

# work FEWEST MOST: sleeps so many milliseconds, or any number between.
work() {
  milliseconds=$(($1 + $(random) % ($2 - $1 + 1)))
  sleep "$((milliseconds / 1000)).$(printf %03d $((milliseconds % 1000)))"
}

# one_in N: true by chance, once in N times.
one_in() { [ $(($(random) % $1)) -eq 0 ]; }

# fail CODE WORDS...: ends with an error. 65 buries the job, 75 has it tried again (and so does any other code).
fail() {
  code=$1
  shift
  echo "$*" >&2
  exit "$code"
}
