/* Reads whole files of SA state. */
#include "tool/state_files.h"

#include "cli/report.h"
#include "crypto/crypto.h"

int
sa_log_read(struct sa_set *set, struct sa_in *in, struct fault *f)
{
	struct sa_in_at at;
	struct sa_rec rec;
	int rc;

	while ((rc = sa_in_next(in, true, &rec, &at, f)) > 0) {
		if (sa_set_apply(set, at.source, &rec, NULL, NULL, f) == SA_BAD)
			rc = -1;
		sa_rec_wipe(&rec);
		if (rc < 0)
			break;
	}
	return (rc);
}

int
sa_keys_read(struct sa_set *keys, size_t n, const char *const *names, struct fault *f)
{
	const struct alg_enc *enc;
	struct sa_in *in;
	struct sa_in_at at;
	struct sa_rec r;
	unsigned i;
	int rc;

	if (n == 0)
		return (0);
	if ((in = sa_in_open(n, (char *const *)(uintptr_t)names, f)) == NULL)
		return (-1);
	for (i = 0; i < sa_in_sources(in); i++)
		report_wide_mode(sa_in_name(in, i), sa_in_wide_mode(in, i));
	while ((rc = sa_in_next(in, true, &r, &at, f)) > 0) {
		if (r.type != SA_DELETE && sa_set_apply(keys, 0, &r, NULL, NULL, f) == SA_BAD) {
			fault_where(f, "%s", at.name);
			rc = -1;
		}
		if (r.type == SA_IKE &&
		    (enc = alg_enc_name(r.ike.encryption, r.ike.key_bits)) != NULL)
			(void)cipher_ready(enc, NULL);
		sa_rec_wipe(&r);
		if (rc < 0)
			break;
	}
	sa_in_close(in);
	return (rc);
}
