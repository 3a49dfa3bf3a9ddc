// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_WEB_H
#define SPANQUEUE_WEB_H

#include <stddef.h>

/// The description of the REST interface, as OpenAPI 3.1 has it.
const unsigned char *spanqueue_web_openapi(size_t *size);

#endif
