/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short inputs that nobody can predict or steer without the
 * key, however many results he has seen. For values that a peer sees, where hash.h would give its salt away.
 */
#ifndef SAPIPE_BASE_SIPHASH_H
#define SAPIPE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const void *data, size_t len, const uint8_t key[16]);

#endif
