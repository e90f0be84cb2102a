/* Which backends a process uses: those that pass a test with known answers. */
#ifndef SAPIPE_ESP_SELFTEST_H
#define SAPIPE_ESP_SELFTEST_H

#include "esp/backend.h"

struct esp_choice {
	const struct esp_backend *list[ESP_BACKENDS_MAX + 1];	/* those that passed, the preferred one first */
	const struct esp_backend *failed[ESP_BACKENDS_MAX];	/* to be reported */
	size_t		 n_failed;
};

/*
 * Tests the backends of ${all}, or the one of the name ${want}; those that support nothing on this processor are left
 * out silently. 0, or -1: FAULT_CONFIG (no backend has that name), FAULT_CRYPTO (none passed, or that one does not
 * support this processor).
 */
int esp_choose(struct esp_choice *c, const struct esp_backend *const *all, const char *want, struct fault *f);

#endif
