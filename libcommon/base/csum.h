/*
 * The Internet checksum (RFC 1071). Sums are of 16-bit words in the byte order of this machine: sums of several pieces,
 * each of an even length except the last, are added, and csum_get() compares or csum_put() stores what comes out.
 */
#ifndef SAPIPE_BASE_CSUM_H
#define SAPIPE_BASE_CSUM_H

#include "base/span.h"

/* The sum of ${n} bytes at any address, not folded: below 2^48 for n up to 64 KiB, so many can be added. */
uint64_t csum_bytes(const uint8_t *p, size_t n);
/* The same without vector instructions: the reference of tests. */
uint64_t csum_bytes_plain(const uint8_t *p, size_t n);

/* What the two bytes of ${v} in network order add. */
static inline uint64_t
csum_number(uint16_t v)
{
	uint8_t b[2];
	uint16_t word;

	put_be16(b, v);
	memcpy(&word, b, 2);
	return (word);
}

/* Folded to 16 bits, not inverted. */
static inline uint16_t
csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)sum);
}

/* Whether ${sum}, over a text with its checksum, is that of a right one. */
static inline bool
csum_right(uint64_t sum)
{
	return (csum_fold(sum) == 0xffff);
}

/* Stores the folded ${sum}, as it is: the start of a checksum that somebody else completes. */
static inline void
csum_put_part(uint8_t *field, uint64_t sum)
{
	uint16_t word = csum_fold(sum);

	memcpy(field, &word, 2);
}

/* Stores the checksum of a text whose field was zero when it was summed. ${udp}: 0 is written as 0xffff (RFC 768). */
static inline void
csum_put(uint8_t *field, uint64_t sum, bool udp)
{
	uint16_t word = (uint16_t)~csum_fold(sum);

	if (udp && word == 0)
		word = 0xffff;
	memcpy(field, &word, 2);
}

#endif
