/* Buffers in pages of their own. */
#include "base/scratch.h"

#include <sys/mman.h>

uint8_t *
scratch_new(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return (NULL);
	/* Fails only where the kernel has no core dumps either. */
	(void)madvise(p, len, MADV_DONTDUMP);
	return (p);
}

void
scratch_free(uint8_t *p, size_t len)
{
	if (p != NULL)
		(void)munmap(p, len);
}
