/*
 * Unsigned integers of 1, 2, 4 or 8 bytes in host order at any address: members
 * of structs that a table names by offset and width.
 */
#ifndef SAPIPE_BASE_UINT_H
#define SAPIPE_BASE_UINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
uint_get(const void *p, size_t width)
{
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (width) {
	case 1:
		memcpy(&v8, p, 1);
		return (v8);
	case 2:
		memcpy(&v16, p, 2);
		return (v16);
	case 4:
		memcpy(&v32, p, 4);
		return (v32);
	default:
		memcpy(&v64, p, 8);
		return (v64);
	}
}

/* Bits of ${v} that do not fit are lost: check the range before. */
static inline void
uint_put(void *p, size_t width, uint64_t v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	switch (width) {
	case 1:
		memcpy(p, &v8, 1);
		break;
	case 2:
		memcpy(p, &v16, 2);
		break;
	case 4:
		memcpy(p, &v32, 4);
		break;
	default:
		memcpy(p, &v, 8);
		break;
	}
}

#endif
