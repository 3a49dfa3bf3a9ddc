// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_WEB_PAGES_H
#define SPANQUEUE_WEB_PAGES_H

#include <stddef.h>

/// A file of the pages, as it is in `Assets`.
struct spanqueue_web_asset {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};

/// All of them, in the order of their names.
const struct spanqueue_web_asset *spanqueue_web_assets(size_t *count);

#endif
