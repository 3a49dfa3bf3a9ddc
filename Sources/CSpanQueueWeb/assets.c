// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#include "spanqueue_web.h"

// Of C23, which clang has in all modes and warns of in older ones.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char openapi[] = {
#embed "Assets/openapi.json"
};

const unsigned char *spanqueue_web_openapi(size_t *size) {
    *size = sizeof openapi;
    return openapi;
}
