// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#ifndef SPANQUEUE_HIREDIS_SHIM_H
#define SPANQUEUE_HIREDIS_SHIM_H

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <sys/socket.h>

/// What hiredis' reader saw, reported to one Swift callback in depth-first order: an array first, then its elements.
typedef void (*spanqueue_reply_item)(void *context, int type, const char *bytes, size_t length, long long number);

/// A reader that builds nothing of its own: each item goes to `item` as it is parsed, so that a reply is stored once,
/// where Swift wants it. The object a parser callback returns only has to be non-null.
typedef struct spanqueue_reader {
  redisReader *reader;
  spanqueue_reply_item item;
  void *context;
} spanqueue_reader;

static inline spanqueue_reader *spanqueue_reader_of(const redisReadTask *task) {
  return (spanqueue_reader *)task->privdata;
}

static inline void *spanqueue_on_string(const redisReadTask *task, char *bytes, size_t length) {
  spanqueue_reader *reader = spanqueue_reader_of(task);
  reader->item(reader->context, task->type, bytes, length, 0);
  return reader;
}

// hiredis 1.0 changed the element count from int to size_t.
#if HIREDIS_MAJOR >= 1
static inline void *spanqueue_on_array(const redisReadTask *task, size_t elements) {
#else
static inline void *spanqueue_on_array(const redisReadTask *task, int elements) {
#endif
  spanqueue_reader *reader = spanqueue_reader_of(task);
  reader->item(reader->context, task->type, NULL, 0, (long long)elements);
  return reader;
}

static inline void *spanqueue_on_integer(const redisReadTask *task, long long number) {
  spanqueue_reader *reader = spanqueue_reader_of(task);
  reader->item(reader->context, task->type, NULL, 0, number);
  return reader;
}

// RESP2 writes nil as a string or an array of length -1, and the task's type stays that of a string or an array.
static inline void *spanqueue_on_nil(const redisReadTask *task) {
  spanqueue_reader *reader = spanqueue_reader_of(task);
  reader->item(reader->context, REDIS_REPLY_NIL, NULL, 0, 0);
  return reader;
}

static inline void spanqueue_on_free(void *object) { (void)object; }

// Constant, so every reader may share it, whatever thread makes it; hiredis asks for a pointer that is not to const, and only reads. The
// members that RESP3 added in hiredis 1.0 are null: we never send HELLO 3, and a RESP3 reply is then a protocol error.
static const redisReplyObjectFunctions spanqueue_functions = {
    .createString = spanqueue_on_string,
    .createArray = spanqueue_on_array,
    .createInteger = spanqueue_on_integer,
    .createNil = spanqueue_on_nil,
    .freeObject = spanqueue_on_free,
};

static inline spanqueue_reader *spanqueue_reader_create(spanqueue_reply_item item, void *context) {
  spanqueue_reader *reader = (spanqueue_reader *)malloc(sizeof(spanqueue_reader));
  if (reader == NULL) return NULL;
  reader->reader = redisReaderCreateWithFunctions((redisReplyObjectFunctions *)&spanqueue_functions);
  if (reader->reader == NULL) {
    free(reader);
    return NULL;
  }
  reader->item = item;
  reader->context = context;
  reader->reader->privdata = reader;
  return reader;
}

static inline void spanqueue_reader_free(spanqueue_reader *reader) {
  redisReaderFree(reader->reader);
  free(reader);
}

static inline int spanqueue_reader_feed(spanqueue_reader *reader, const void *bytes, size_t length) {
  return redisReaderFeed(reader->reader, (const char *)bytes, length);
}

/// 1: a whole reply was reported; 0: more bytes are needed; -1: the bytes are not RESP2.
static inline int spanqueue_reader_next(spanqueue_reader *reader) {
  void *reply = NULL;
  if (redisReaderGetReply(reader->reader, &reply) != REDIS_OK) return -1;
  return reply == NULL ? 0 : 1;
}

static inline const char *spanqueue_reader_error(spanqueue_reader *reader) { return reader->reader->errstr; }

/// Bytes that were fed and not yet parsed: of a string that is not whole yet, for instance.
static inline size_t spanqueue_reader_buffered(spanqueue_reader *reader) {
  return reader->reader->len - reader->reader->pos;
}

static inline const char *spanqueue_context_error(redisContext *context) { return context->errstr; }

#endif
