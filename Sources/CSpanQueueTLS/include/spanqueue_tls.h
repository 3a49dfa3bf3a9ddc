// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_TLS_H
#define SPANQUEUE_TLS_H

#include <stddef.h>

/// The client's side of TLS by OpenSSL, over a socket that is not blocking. Nothing of OpenSSL's shows here, so that its macros need no
/// wrapping.
///
/// OpenSSL reads and writes by a BIO of ours: its own for sockets calls write(2), which raises SIGPIPE when the peer is gone.

typedef struct spanqueue_tls_context spanqueue_tls_context;
typedef struct spanqueue_tls spanqueue_tls;

/// What is wrong with the files, if anything.
typedef enum {
  SPANQUEUE_TLS_FILES_FINE = 0,
  SPANQUEUE_TLS_NO_MEMORY,
  SPANQUEUE_TLS_CA_UNREADABLE,
  SPANQUEUE_TLS_CERTIFICATE_UNREADABLE,
  SPANQUEUE_TLS_KEY_UNREADABLE,
  SPANQUEUE_TLS_KEY_ENCRYPTED,
  SPANQUEUE_TLS_KEY_OF_ANOTHER,
} spanqueue_tls_files;

/// What came of a step.
typedef enum {
  SPANQUEUE_TLS_DONE = 0,
  SPANQUEUE_TLS_WANTS_READ,
  SPANQUEUE_TLS_WANTS_WRITE,
  SPANQUEUE_TLS_CLOSED,
  SPANQUEUE_TLS_FAILED,
} spanqueue_tls_outcome;

/// Why a step failed.
typedef enum {
  SPANQUEUE_TLS_OTHER = 0,
  /// The socket failed: see spanqueue_tls_system_error.
  SPANQUEUE_TLS_SYSTEM,
  /// The peer closed the socket without a word.
  SPANQUEUE_TLS_CUT_OFF,
  /// What came is not TLS.
  SPANQUEUE_TLS_NOT_TLS,
  /// The peer speaks no version of TLS that we speak.
  SPANQUEUE_TLS_OLD_VERSION,
  SPANQUEUE_TLS_UNKNOWN_CA,
  SPANQUEUE_TLS_WRONG_NAME,
  SPANQUEUE_TLS_EXPIRED,
  SPANQUEUE_TLS_NOT_YET_VALID,
  /// Another reason for which the peer's certificate does not hold.
  SPANQUEUE_TLS_INVALID_CERTIFICATE,
  /// The peer wants a certificate of ours.
  SPANQUEUE_TLS_CERTIFICATE_WANTED,
  /// The peer does not accept ours.
  SPANQUEUE_TLS_CERTIFICATE_REFUSED,
} spanqueue_tls_failure;

/// Reads the files again. Null paths: the system's certificate authorities; no certificate of our own.
///
/// - ca: a file of certificates, or a folder as `openssl rehash` makes it.
/// - files: what is wrong, where this returns NULL.
spanqueue_tls_context *spanqueue_tls_context_create(
    const char *ca, const char *certificate, const char *key, spanqueue_tls_files *files);
void spanqueue_tls_context_free(spanqueue_tls_context *context);

/// A connection on a connected socket, which it neither owns nor closes; NULL without memory.
///
/// - name: whom the certificate must be for: a host name, which is also sent (SNI), or an address, which is not.
spanqueue_tls *spanqueue_tls_create(spanqueue_tls_context *context, int descriptor, const char *name);
void spanqueue_tls_free(spanqueue_tls *tls);

spanqueue_tls_outcome spanqueue_tls_handshake(spanqueue_tls *tls);
/// One record at most, 16 KiB.
spanqueue_tls_outcome spanqueue_tls_read(spanqueue_tls *tls, void *bytes, size_t length, size_t *count);
/// After WANTS_…, the same bytes must come first the next time; they may have moved, and more may follow.
spanqueue_tls_outcome spanqueue_tls_write(spanqueue_tls *tls, const void *bytes, size_t length, size_t *count);
/// Bytes that were decrypted and not read yet: `poll` does not see them.
size_t spanqueue_tls_buffered(const spanqueue_tls *tls);
/// Tells the peer that this is the end, as far as the socket takes it at once.
void spanqueue_tls_say_goodbye(spanqueue_tls *tls);

/// Of the last step that failed.
spanqueue_tls_failure spanqueue_tls_last_failure(const spanqueue_tls *tls);
int spanqueue_tls_system_error(const spanqueue_tls *tls);
/// OpenSSL's own words, without what the peer sent.
const char *spanqueue_tls_text(const spanqueue_tls *tls);

#endif
