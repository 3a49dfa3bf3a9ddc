#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

/// How often the calling thread has allocated memory. The program's own malloc counts, and hands on to glibc's.
long spanqueue_allocation_count(void);

#endif
