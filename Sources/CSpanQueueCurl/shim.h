// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_CURL_SHIM_H
#define SPANQUEUE_CURL_SHIM_H

#include <curl/curl.h>

/// `curl_easy_setopt` and `curl_easy_getinfo` are variadic, which Swift cannot call: one typed inline function for each
/// kind of argument stands in for them.

static inline CURLcode spanqueue_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode spanqueue_curl_set_string(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode spanqueue_curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode spanqueue_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}

typedef size_t (*spanqueue_curl_write)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode spanqueue_curl_set_write(CURL *handle, CURLoption option, spanqueue_curl_write function) {
  return curl_easy_setopt(handle, option, function);
}

typedef int (*spanqueue_curl_seek)(void *context, curl_off_t offset, int origin);

static inline CURLcode spanqueue_curl_set_seek(CURL *handle, spanqueue_curl_seek function) {
  return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, function);
}

typedef int (*spanqueue_curl_progress)(void *context, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                                       curl_off_t up);

static inline CURLcode spanqueue_curl_set_progress(CURL *handle, spanqueue_curl_progress function) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, function);
}

static inline CURLcode spanqueue_curl_get_long(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode spanqueue_curl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode spanqueue_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode spanqueue_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

/// Lets a transfer that is still resolving a name be removed at once: libcurl otherwise waits for its resolver thread, and
/// with it would wait every transfer of the same multi handle. Before 7.87 there is no such option.
static inline CURLcode spanqueue_curl_set_quick_exit(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075700
  return curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
  (void)handle;
  return CURLE_OK;
#endif
}

/// The result of the transfer that `message` says is done; the C struct keeps it in a union.
static inline CURLcode spanqueue_curl_message_result(const CURLMsg *message) { return message->data.result; }

#endif
