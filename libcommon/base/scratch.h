/*
 * Large buffers for packets in clear: pages of their own, zeroed, left out of core dumps. The kernel takes a page
 * when it is first written, and clears it before another process gets it; so a release need not write to all of them.
 */
#ifndef SAPIPE_BASE_SCRATCH_H
#define SAPIPE_BASE_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/* ${len} > 0 bytes, for scratch_free() with the same length. NULL: no memory. */
uint8_t *scratch_new(size_t len);
void scratch_free(uint8_t *p, size_t len);	/* NULL is fine */

#endif
