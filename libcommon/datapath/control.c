/* What the control socket of a data path answers, and the records that it brings. */
#include "datapath/control.h"

#include "datapath/datapath_priv.h"

static bool
next(void *ctx, enum control_answer what, uint64_t *serial, struct sa_rec *out)
{
	struct datapath *dp = ctx;
	struct esp_pair *pair;

	biglock_yield();
	if (what == ANSWER_HOPS && dp_hop_stat(dp, serial, &out->next_hop)) {
		out->type = SA_NEXT_HOP;
		return (true);
	}
	if (what != ANSWER_HOPS && (pair = sadb_at(dp->db, sadb_after(dp->db, *serial))) != NULL) {
		*serial = esp_pair_serial(pair);
		out->type = SA_STAT;
		dp_stat_sa(dp, pair, &out->stat);
		if (what == ANSWER_RESET)
			dp_stat_reset_sa(pair);
		return (true);
	}
	out->type = SA_TUN_STAT;
	dp_stat_tun(dp, &out->tun_stat);
	if (what == ANSWER_RESET)
		dp_stat_reset_tun(dp);
	return (false);
}

static int
record(void *ctx, struct sa_rec *r, uint32_t source, uint64_t off, struct fault *f)
{
	return (datapath_record(ctx, r, source, off, f));
}

static bool
has_room(void *ctx)
{
	return (datapath_waiting(ctx) < DATAPATH_TURNS);
}

static void
note(void *ctx, const char *text)
{
	dp_note(ctx, 0, "%s", text);
}

struct control_host
datapath_control(struct datapath *dp)
{
	return ((struct control_host){ .loop = dp->loop, .clock = &dp->clock, .tool = "esp-tun", .ctx = dp, .next = next, .record = record,
	    .has_room = has_room, .note = note });
}
