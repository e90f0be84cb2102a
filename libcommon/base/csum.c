/* Sums of many bytes: each segment of a TCP stream is summed at both ends of a tunnel. */
#include "base/csum.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define WITH_AVX2 1
#include <immintrin.h>
#endif

#define VECTOR_MIN	64	/* below it a call is not worth it */

uint64_t
csum_bytes_plain(const uint8_t *p, size_t n)
{
	uint64_t a = 0, b = 0;
	uint32_t w[4];
	uint16_t half = 0;

	/* Words of 32 bits in sums of 64: no carry is lost, and 65536 and 1 are the same in the folded sum. */
	for (; n >= 16; p += 16, n -= 16) {
		memcpy(w, p, 16);
		a += (uint64_t)w[0] + w[1];
		b += (uint64_t)w[2] + w[3];
	}
	for (; n >= 4; p += 4, n -= 4) {
		memcpy(w, p, 4);
		a += w[0];
	}
	if (n >= 2) {
		memcpy(&half, p, 2);
		a += half;
		p += 2;
		n -= 2;
	}
	if (n == 1) {
		half = 0;
		memcpy(&half, p, 1);	/* as if a zero byte followed */
		a += half;
	}
	return (a + b);
}

#ifdef WITH_AVX2
__attribute__((target("avx2"))) static uint64_t
sum_avx2(const uint8_t *p, size_t n)
{
	const __m256i low = _mm256_set1_epi64x(0xffffffff);
	__m256i a = _mm256_setzero_si256(), b = a, c = a, d = a, v, w;
	uint64_t lane[4];

	for (; n >= 64; p += 64, n -= 64) {
		v = _mm256_loadu_si256((const void *)p);
		w = _mm256_loadu_si256((const void *)(p + 32));
		a = _mm256_add_epi64(a, _mm256_and_si256(v, low));
		b = _mm256_add_epi64(b, _mm256_srli_epi64(v, 32));
		c = _mm256_add_epi64(c, _mm256_and_si256(w, low));
		d = _mm256_add_epi64(d, _mm256_srli_epi64(w, 32));
	}
	a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
	_mm256_storeu_si256((void *)lane, a);
	return (lane[0] + lane[1] + lane[2] + lane[3] + csum_bytes_plain(p, n));
}
#endif

uint64_t
csum_bytes(const uint8_t *p, size_t n)
{
#ifdef WITH_AVX2
	if (n >= VECTOR_MIN && __builtin_cpu_supports("avx2"))
		return (sum_avx2(p, n));
#endif
	return (csum_bytes_plain(p, n));
}
