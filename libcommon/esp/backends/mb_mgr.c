/* The states of ipsec-mb: which of its versions for processors serve this one. */
#include "esp/backends/mb_mgr.h"

#ifdef ESP_HAVE_MB
#include <pthread.h>

#include "base/scratch.h"
#include "base/secret.h"

#define NEED	(IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static IMB_MGR *tools;

static void
manager_free(IMB_MGR *mgr)
{
	if (mgr == NULL)
		return;
	wipe(mgr, imb_get_mb_mgr_size());
	scratch_free((uint8_t *)mgr, imb_get_mb_mgr_size());
}

static IMB_MGR *
manager_new(bool sse)
{
	uint8_t *room = scratch_new(imb_get_mb_mgr_size());
	IMB_MGR *mgr = room != NULL ? imb_set_pointers_mb_mgr(room, 0, 1) : NULL;
	IMB_ARCH arch;

	if (mgr != NULL && (mgr->features & NEED) == NEED) {
		if (sse)
			init_mb_mgr_sse(mgr);
		else
			init_mb_mgr_auto(mgr, &arch);
		if (imb_get_errno(mgr) == 0)
			return (mgr);
	}
	scratch_free(room, imb_get_mb_mgr_size());
	return (NULL);
}

static void
tools_make(void)
{
	tools = manager_new(false);
}

IMB_MGR *
mb_tools(void)
{
	(void)pthread_once(&once, tools_make);
	return (tools);
}

bool
mb_has_avx512(const IMB_MGR *mgr)
{
	return ((mgr->features & IMB_FEATURE_AVX512_SKX) == IMB_FEATURE_AVX512_SKX);
}

static bool
sha_apart(const IMB_MGR *mgr)
{
	return ((mgr->features & IMB_FEATURE_SHANI) != 0 && (mgr->features & IMB_FEATURE_AVX) != 0 &&
	    (mgr->features & IMB_FEATURE_GFNI) == 0 && !mb_has_avx512(mgr));
}

int
mb_mgrs_open(struct mb_mgrs *m)
{
	if ((m->all = manager_new(false)) == NULL)
		return (-1);
	m->sha = sha_apart(m->all) ? manager_new(true) : m->all;
	return (m->sha != NULL ? 0 : -1);
}

void
mb_mgrs_close(struct mb_mgrs *m)
{
	if (m->sha != m->all)
		manager_free(m->sha);
	manager_free(m->all);
	*m = (struct mb_mgrs){0};
}

#else
typedef int no_ipsec_mb;	/* no empty translation unit */
#endif
