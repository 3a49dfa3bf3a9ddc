// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#include "spanqueue_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef MSG_NOSIGNAL
// macOS: SO_NOSIGPIPE is set on the socket instead.
#define MSG_NOSIGNAL 0
#endif

struct spanqueue_tls_context {
  SSL_CTX *ssl;
};

struct spanqueue_tls {
  SSL *ssl;
  spanqueue_tls_failure failure;
  int system_error;
  char text[200];
};

// MARK: The socket as a BIO

static int socket_of(BIO *bio) { return (int)(intptr_t)BIO_get_data(bio); }

static int bio_write(BIO *bio, const char *bytes, int length) {
  BIO_clear_retry_flags(bio);
  while (1) {
    ssize_t count = send(socket_of(bio), bytes, (size_t)length, MSG_NOSIGNAL);
    if (count >= 0) return (int)count;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_write(bio);
    return -1;
  }
}

static int bio_read(BIO *bio, char *bytes, int length) {
  BIO_clear_retry_flags(bio);
  while (1) {
    ssize_t count = recv(socket_of(bio), bytes, (size_t)length, 0);
    if (count > 0) return (int)count;
    // OpenSSL asks by BIO_CTRL_EOF whether that was the end.
    if (count == 0) {
      BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
      return 0;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_read(bio);
    return -1;
  }
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default: return 0;
  }
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

// Kept for the life of the process.
static void make_method(void) {
  BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "spanqueue socket");
  if (made == NULL) return;
  BIO_meth_set_write(made, bio_write);
  BIO_meth_set_read(made, bio_read);
  BIO_meth_set_ctrl(made, bio_control);
  method = made;
}

// MARK: The files

// Without it OpenSSL asks for the password on the terminal.
static int refuse_password(char *buffer, int size, int for_writing, void *was_asked) {
  (void)buffer;
  (void)size;
  (void)for_writing;
  *(int *)was_asked = 1;
  return 0;
}

static spanqueue_tls_files load_files(SSL_CTX *ssl, const char *ca, const char *certificate, const char *key) {
  if (ca != NULL) {
    struct stat status;
    int is_folder = stat(ca, &status) == 0 && S_ISDIR(status.st_mode);
    if (SSL_CTX_load_verify_locations(ssl, is_folder ? NULL : ca, is_folder ? ca : NULL) != 1)
      return SPANQUEUE_TLS_CA_UNREADABLE;
  } else if (SSL_CTX_set_default_verify_paths(ssl) != 1) {
    return SPANQUEUE_TLS_CA_UNREADABLE;
  }
  if (certificate == NULL) return SPANQUEUE_TLS_FILES_FINE;
  if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1) return SPANQUEUE_TLS_CERTIFICATE_UNREADABLE;
  int was_asked = 0;
  SSL_CTX_set_default_passwd_cb(ssl, refuse_password);
  SSL_CTX_set_default_passwd_cb_userdata(ssl, &was_asked);
  int loaded = SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM);
  SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
  SSL_CTX_set_default_passwd_cb(ssl, NULL);
  if (was_asked) return SPANQUEUE_TLS_KEY_ENCRYPTED;
  if (loaded == 1 && SSL_CTX_check_private_key(ssl) == 1) return SPANQUEUE_TLS_FILES_FINE;
  // To load a key that does not fit the certificate fails by itself.
  unsigned long error = ERR_peek_error();
  int is_of_another = ERR_GET_LIB(error) == ERR_LIB_X509 && (ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH ||
                                                             ERR_GET_REASON(error) == X509_R_KEY_TYPE_MISMATCH);
  return is_of_another ? SPANQUEUE_TLS_KEY_OF_ANOTHER : SPANQUEUE_TLS_KEY_UNREADABLE;
}

spanqueue_tls_context *spanqueue_tls_context_create(
    const char *ca, const char *certificate, const char *key, spanqueue_tls_files *files) {
  *files = SPANQUEUE_TLS_NO_MEMORY;
  pthread_once(&method_once, make_method);
  spanqueue_tls_context *context = malloc(sizeof *context);
  if (context == NULL) return NULL;
  ERR_clear_error();
  context->ssl = method == NULL ? NULL : SSL_CTX_new(TLS_client_method());
  if (context->ssl == NULL) {
    free(context);
    return NULL;
  }
  SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
  SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Connections are few and long: nothing is gained by resuming one.
  SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
  // Not SSL_MODE_RELEASE_BUFFERS: it saves 34 KiB of an idle connection, and allocates for each record that comes or goes.
  SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
  *files = load_files(context->ssl, ca, certificate, key);
  ERR_clear_error();
  if (*files == SPANQUEUE_TLS_FILES_FINE) return context;
  spanqueue_tls_context_free(context);
  return NULL;
}

void spanqueue_tls_context_free(spanqueue_tls_context *context) {
  SSL_CTX_free(context->ssl);
  free(context);
}

// MARK: The connection

static int expect_name(SSL *ssl, const char *name) {
  char address[INET6_ADDRSTRLEN];
  // The zone of a link-local address is ours, and in no certificate.
  size_t length = strcspn(name, "%");
  if (length < sizeof address) {
    memcpy(address, name, length);
    address[length] = 0;
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1)
      return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address);
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

spanqueue_tls *spanqueue_tls_create(spanqueue_tls_context *context, int descriptor, const char *name) {
  spanqueue_tls *tls = calloc(1, sizeof *tls);
  if (tls == NULL) return NULL;
  BIO *bio = BIO_new(method);
  tls->ssl = SSL_new(context->ssl);
  if (bio == NULL || tls->ssl == NULL || !expect_name(tls->ssl, name)) {
    BIO_free(bio);
    spanqueue_tls_free(tls);
    return NULL;
  }
  BIO_set_data(bio, (void *)(intptr_t)descriptor);
  BIO_set_init(bio, 1);
  // One reference serves both ways.
  SSL_set_bio(tls->ssl, bio, bio);
  SSL_set_connect_state(tls->ssl);
  return tls;
}

void spanqueue_tls_free(spanqueue_tls *tls) {
  SSL_free(tls->ssl);
  free(tls);
}

static spanqueue_tls_failure failure_of_certificate(long verified) {
  switch (verified) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return SPANQUEUE_TLS_WRONG_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED: return SPANQUEUE_TLS_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID: return SPANQUEUE_TLS_NOT_YET_VALID;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return SPANQUEUE_TLS_UNKNOWN_CA;
    default: return SPANQUEUE_TLS_INVALID_CERTIFICATE;
  }
}

static spanqueue_tls_failure failure_of_reason(int reason) {
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return SPANQUEUE_TLS_NOT_TLS;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return SPANQUEUE_TLS_OLD_VERSION;
    // TLS 1.3 says it in so many words, and after the handshake. TLS 1.2 fails the handshake.
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: return SPANQUEUE_TLS_CERTIFICATE_WANTED;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return SPANQUEUE_TLS_CERTIFICATE_REFUSED;
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return SPANQUEUE_TLS_CUT_OFF;
#endif
    default: return SPANQUEUE_TLS_OTHER;
  }
}

static spanqueue_tls_outcome outcome(spanqueue_tls *tls, int result, int system_error) {
  switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_NONE: return SPANQUEUE_TLS_DONE;
    case SSL_ERROR_WANT_READ: return SPANQUEUE_TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE: return SPANQUEUE_TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN: return SPANQUEUE_TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
      // OpenSSL 1.1.1 reports the end without a goodbye as a system error that is none.
      tls->failure = system_error == 0 ? SPANQUEUE_TLS_CUT_OFF : SPANQUEUE_TLS_SYSTEM;
      tls->system_error = system_error;
      return SPANQUEUE_TLS_FAILED;
    default: break;
  }
  unsigned long error = ERR_peek_error();
  const char *reason = ERR_reason_error_string(error);
  long verified = SSL_get_verify_result(tls->ssl);
  if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    tls->failure = failure_of_certificate(verified);
    reason = X509_verify_cert_error_string(verified);
  } else {
    tls->failure = failure_of_reason(ERR_GET_REASON(error));
  }
  snprintf(tls->text, sizeof tls->text, "%s", reason == NULL ? "unknown error" : reason);
  ERR_clear_error();
  return SPANQUEUE_TLS_FAILED;
}

spanqueue_tls_outcome spanqueue_tls_handshake(spanqueue_tls *tls) {
  // What others left in this thread's queue of errors would be taken for ours.
  ERR_clear_error();
  errno = 0;
  int result = SSL_do_handshake(tls->ssl);
  return outcome(tls, result, errno);
}

spanqueue_tls_outcome spanqueue_tls_read(spanqueue_tls *tls, void *bytes, size_t length, size_t *count) {
  ERR_clear_error();
  errno = 0;
  int result = SSL_read(tls->ssl, bytes, length > INT_MAX ? INT_MAX : (int)length);
  *count = result > 0 ? (size_t)result : 0;
  return result > 0 ? SPANQUEUE_TLS_DONE : outcome(tls, result, errno);
}

spanqueue_tls_outcome spanqueue_tls_write(spanqueue_tls *tls, const void *bytes, size_t length, size_t *count) {
  ERR_clear_error();
  errno = 0;
  int result = SSL_write(tls->ssl, bytes, length > INT_MAX ? INT_MAX : (int)length);
  *count = result > 0 ? (size_t)result : 0;
  return result > 0 ? SPANQUEUE_TLS_DONE : outcome(tls, result, errno);
}

size_t spanqueue_tls_buffered(const spanqueue_tls *tls) { return (size_t)SSL_pending(tls->ssl); }

void spanqueue_tls_say_goodbye(spanqueue_tls *tls) {
  if (!SSL_is_init_finished(tls->ssl)) return;
  ERR_clear_error();
  (void)SSL_shutdown(tls->ssl);
  ERR_clear_error();
}

spanqueue_tls_failure spanqueue_tls_last_failure(const spanqueue_tls *tls) { return tls->failure; }
int spanqueue_tls_system_error(const spanqueue_tls *tls) { return tls->system_error; }
const char *spanqueue_tls_text(const spanqueue_tls *tls) { return tls->text; }
