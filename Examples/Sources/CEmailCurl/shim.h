// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef EMAIL_CURL_SHIM_H
#define EMAIL_CURL_SHIM_H

#include <curl/curl.h>

/// Swift cannot call variadic functions: one inline function for each kind of argument.

static inline CURLcode email_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode email_curl_set_string(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode email_curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
  return curl_easy_setopt(handle, option, value);
}

typedef size_t (*email_curl_read)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode email_curl_set_read(CURL *handle, email_curl_read function) {
  return curl_easy_setopt(handle, CURLOPT_READFUNCTION, function);
}

typedef int (*email_curl_progress)(void *context, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                                   curl_off_t up);

static inline CURLcode email_curl_set_progress(CURL *handle, email_curl_progress function) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, function);
}

static inline CURLcode email_curl_get_long(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}

#endif
