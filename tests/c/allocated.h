/* How many bytes this process has allocated, for tests of what an object costs. */
#ifndef SAPIPE_TESTS_ALLOCATED_H
#define SAPIPE_TESTS_ALLOCATED_H

#include <malloc.h>
#include <stddef.h>

#include "base/secret.h"

/* The sanitizers' allocator keeps no account that mallinfo2() could give: assert no sizes then. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED	1
#elif defined(__has_feature)
#define SANITIZED	__has_feature(address_sanitizer)
#else
#define SANITIZED	0
#endif

/* Keys in the locked heap included. */
static inline size_t
allocated(void)
{
	return (mallinfo2().uordblks + mallinfo2().hblkhd - secret_room());
}

#endif
