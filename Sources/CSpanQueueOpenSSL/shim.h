// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_OPENSSL_SHIM_H
#define SPANQUEUE_OPENSSL_SHIM_H

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_MAJOR < 3
#error "SpanQueue needs OpenSSL 3: on Debian and Ubuntu, install libssl-dev"
#endif

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#endif
