/*
 * Inside backends/: the states ("managers") of ipsec-mb that a worker has. Keys of the lanes pass through them, so they are wiped.
 */
#ifndef SAPIPE_ESP_BACKENDS_MB_MGR_H
#define SAPIPE_ESP_BACKENDS_MB_MGR_H

#include "esp/backends/mb_key.h"

#ifdef ESP_HAVE_MB
struct mb_mgrs {
	IMB_MGR	*all;
	/*
	 * For HMAC with SHA-1 and SHA-256. The library's code for AVX and AVX2 uses the processor's instructions for these only where
	 * there is GFNI as well, that for SSE does without (seen with 1.3: SHA-256 in a third of the time, SHA-1 in two thirds). With
	 * AVX-512 its lanes are as fast. ${all} where nothing is gained.
	 */
	IMB_MGR	*sha;
};

/* For functions without state, such as key schedules; NULL: the library does not run on this processor. */
IMB_MGR *mb_tools(void);
bool mb_has_avx512(const IMB_MGR *mgr);
/* Not without mb_tools(). 0, or -1: no memory. */
int mb_mgrs_open(struct mb_mgrs *m);
void mb_mgrs_close(struct mb_mgrs *m);		/* all NULL is fine */

static inline IMB_MGR *
mb_mgr_for(const struct mb_mgrs *m, const struct esp_key *k)
{
	return (mb_hash(k) == IMB_AUTH_HMAC_SHA_1 || mb_hash(k) == IMB_AUTH_HMAC_SHA_256 ? m->sha : m->all);
}

/*
 * How many packets of ${k} these work on in less time than libcrypto: a flush costs as much as full lanes, up to 16 of them; of the
 * processor's own instructions for a hash there are two lanes.
 */
static inline size_t
mb_mgr_few(const struct mb_mgrs *m, const struct esp_key *k)
{
	return (k->hash != 0 && m->sha != m->all && mb_mgr_for(m, k) == m->sha ? 2 : 5);
}
#endif
#endif
