// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_ZLIB_SHIM_H
#define SPANQUEUE_ZLIB_SHIM_H

#include <zlib.h>

// deflateInit2 is a macro, which Swift does not see. 15 + 16: the largest window, with a gzip header and trailer.
static inline int spanqueue_gzip_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

#endif
