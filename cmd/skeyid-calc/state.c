/* Reads SA state: the last IKE SA and the last child SA, of the protocol that is asked for. */
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "explain/records.h"
#include "os/record_in.h"
#include "opts.h"

/* Whether ${rec} has the protocol of --protocol, --esp or --ah: a bundle has a child SA of each. */
static bool
wanted(const struct calc *c, const struct sa_rec *rec)
{
	return (rec->type == SA_IKE || (rec->type == SA_CHILD && (!c->has[V_PROTOCOL] ||
	    c->v[V_PROTOCOL].p[0] == (rec->child.protocol == SA_AH ? 2 : 3))));	/* of RFC 2407, 4.4.1 */
}

/* Reads all records and keeps the last IKE SA and the last child SA. */
static int
read_records(const struct calc *c, struct sa_in *in, struct sa_rec *rec, struct sa_rec *ike, struct sa_rec *child,
    struct fault *f)
{
	struct sa_in_at at;
	int rc;

	while ((rc = sa_in_next(in, true, rec, &at, f)) > 0) {
		if (wanted(c, rec)) {
			struct sa_rec *to = rec->type == SA_IKE ? ike : child;

			sa_rec_wipe(to);
			*to = *rec;	/* moved: its secrets change hands */
			*rec = (struct sa_rec){0};
		} else
			sa_rec_wipe(rec);
	}
	if (rc == 0 && ike->type == SA_NONE && child->type == SA_NONE)
		rc = fault(f, FAULT_BAD_RECORD, "no IKE SA and no child SA in it");
	return (rc);
}

int
calc_from_state(struct calc *c, const char *path, struct fault *f)
{
	/* Records are large; three of them are not for the stack. */
	struct sa_rec *recs = calloc(3, sizeof(*recs));
	char *names[] = { (char *)(uintptr_t)path };
	struct sa_in *in = sa_in_open(1, names, f);
	size_t i;
	int rc = -1;

	if (in == NULL)
		goto done;
	report_wide_mode(sa_in_name(in, 0), sa_in_wide_mode(in, 0));
	if (recs == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for records");
		goto done;
	}
	rc = read_records(c, in, &recs[0], &recs[1], &recs[2], f);
	if (rc == 0 && recs[1].type == SA_IKE)
		rc = calc_from_ike(c, &recs[1].ike, f);
	if (rc == 0 && recs[2].type == SA_CHILD && c->sub == SUB_KEYMAT)
		rc = calc_from_child(c, &recs[2].child, f);
	if (rc == -1)
		fault_where(f, "%s", sa_in_name(in, 0));
done:
	for (i = 0; recs != NULL && i < 3; i++)
		sa_rec_wipe(&recs[i]);
	free(recs);
	sa_in_close(in);
	return (rc);
}
