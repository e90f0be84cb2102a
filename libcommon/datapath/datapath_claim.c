/*
 * The data path's side of the keeper: requests claims before SAs are used, and numbers before they are
 * needed. Packets wait for the keeper only if all reserved numbers are used before its answer
 * arrives. Since blocks are requested half a block ahead, this happens only if the disk hangs.
 */
#include <poll.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define OUT_WAIT_MS	5000
#define LIMIT_SOFT	(UINT64_C(1) << 26)	/* a new SA is requested so many numbers before the last one */

/* Whether the socket can be written matters only while requests wait for that. */
static void
watch_keeper(struct datapath *dp)
{
	int want = EV_READ | (keeper_waits(&dp->keeper) ? EV_WRITE : 0);

	if (!ev_is_active(&dp->keeper_io) || (dp->keeper_io.events & (EV_READ | EV_WRITE)) == want)
		return;
	ev_io_stop(dp->loop, &dp->keeper_io);
	ev_io_set(&dp->keeper_io, dp->keeper.fd, want);
	ev_io_start(dp->loop, &dp->keeper_io);
}

static int
ask(struct datapath *dp, enum keeper_op op, uint32_t id, uint64_t a, uint64_t b)
{
	struct keeper_ask q = { .op = op, .id = id, .a = a, .b = b };
	struct fault f;
	int rc = keeper_ask(&dp->keeper, &q, &f);

	watch_keeper(dp);
	dp_stir(dp);
	if (rc != 0)
		dp_warn(dp, &f);
	return (rc);
}

/* ---- numbers */

/* Numbers from here on are not this gateway's. */
static uint64_t
out_limit(const struct own *own)
{
	uint64_t first, end;

	if (own->range == DP_RANGE_ALL)
		return (UINT64_MAX);
	if (own->range == DP_RANGE_NONE)
		return (0);
	esp_sa_range(own->takeovers, &first, &end);
	return (end);
}

/* The hook is called again when half of the remaining numbers are used. */
static void
set_marks(struct esp_pair *pair, const struct own *own)
{
	uint64_t right = pair->in.window->right, next = pair->out.seq + 1, limit = out_limit(own);

	if (!own->asked_out)
		pair->out.reserved = own->out_end > next ? next + (own->out_end - next) / 2 : next;
	if (pair->out.reserved > limit)
		pair->out.reserved = limit;
	if (!own->asked_in)
		pair->in.reserved = own->in_end > right ? right + (own->in_end - right) / 2 : right;
}

static void
numbers(struct datapath *dp, const struct keeper_answer *a)
{
	struct esp_pair *pair = dp->by_id[a->id];
	struct own *own = pair != NULL ? pair->user : NULL;

	if (a->fault.code != FAULT_NONE)
		dp_warn(dp, &a->fault);
	if (own == NULL)
		return;			/* it was released in the meantime */
	if (a->op == KEEPER_OUT)
		own->asked_out = false;
	else
		own->asked_in = false;
	if (a->fault.code == FAULT_NONE) {
		own->out_end = a->out_end;
		own->in_end = a->in_end;
	}
	set_marks(pair, own);
}

/* The claim of a record that waits. */
static void
turn_claimed(struct datapath *dp, const struct keeper_answer *a)
{
	struct turn *t;

	for (t = dp->turns; t != NULL; t = t->next)
		if (t->asked && !t->answered && t->id == a->id) {
			t->answered = true;
			t->answer = *a;
			return;
		}
}

bool
dp_awaited(const struct datapath *dp, enum sa_proto protocol, const uint8_t spi[4], const struct addr *local)
{
	const struct turn *t;

	for (t = dp->turns; t != NULL; t = t->next)
		if (t->rec.type == SA_CHILD && t->rec.child.protocol == protocol && get_be32(t->rec.child.spi_in) == get_be32(spi) &&
		    addr_cmp(&t->rec.child.local.at.addr, local) == 0)
			return (true);
	return (false);
}

static void
answered(struct datapath *dp, const struct keeper_answer *a)
{
	if (a->id >= KEEPER_CLAIMS)
		return;
	if (a->op == KEEPER_TAKE)
		turn_claimed(dp, a);
	else
		numbers(dp, a);
}

/* A full disk or a hanging one: until the answer is there, nothing may be sent. */
static int
wait_out(struct datapath *dp, const struct own *own, uint64_t seq)
{
	struct pollfd p = { .fd = dp->keeper.fd };
	struct keeper_answer a;
	struct fault f;
	int rc;

	while (own->asked_out) {
		p.events = (short)(POLLIN | (keeper_waits(&dp->keeper) ? POLLOUT : 0));
		if (poll(&p, 1, OUT_WAIT_MS) <= 0 || keeper_flush(&dp->keeper, &f) != 0 ||
		    (rc = keeper_answer(&dp->keeper, &a, &f)) < 0)
			return (-1);
		if (rc > 0)
			answered(dp, &a);
	}
	/* SAs must not come and go in the middle of a batch: that is for later. */
	ev_feed_event(dp->loop, &dp->keeper_io, EV_READ);
	return (seq < own->out_end ? 0 : -1);
}

/* The numbers of this gateway run out: a new SA is needed. Asked with each block of numbers. */
static void
near_limit(struct datapath *dp, struct esp_pair *pair, uint64_t seq)
{
	const struct own *own = pair->user;

	if (own->range != DP_RANGE_OWN || pair->soft || out_limit(own) - seq > LIMIT_SOFT)
		return;
	pair->soft = true;
	dp_event(dp, pair, SA_EVENT_SOFT);
}

int
dp_reserve_out(void *ctx, struct esp_sa *sa, uint64_t seq)
{
	struct datapath *dp = ctx;
	struct own *own = sa->pair->user;

	if (seq >= out_limit(own))
		return (-1);
	near_limit(dp, sa->pair, seq);
	if (!own->asked_out) {
		/* Above the reserved numbers, or the block would begin before them. */
		if (ask(dp, KEEPER_OUT, own->id, seq > own->out_end ? seq : own->out_end, 0) != 0)
			return (-1);
		own->asked_out = true;
		sa->reserved = own->out_end;
	}
	return (seq < own->out_end ? 0 : wait_out(dp, own, seq));
}

/*
 * Inbound packets wait for nothing: the keeper outlives a crash of this process, and has the request before
 * the packet is delivered. After a failure of the whole machine replays of its last moment may pass.
 */
int
dp_reserve_in(void *ctx, struct esp_sa *sa, uint64_t seq)
{
	struct datapath *dp = ctx;
	struct own *own = sa->pair->user;

	if (!own->asked_in && ask(dp, KEEPER_IN, own->id, seq, 0) != 0) {
		sa->reserved = seq + ESP_BATCH;	/* the failure was reported; once a batch will do */
		return (0);
	}
	own->asked_in = true;
	sa->reserved = UINT64_MAX;
	return (0);
}

/*
 * A process that was killed had reserved numbers above those that it received, and now they are refused. A peer that
 * sends slowly needs long to pass them. So the negotiator is asked for a new SA, if this process still reads its records.
 * The refused packets are not authenticated: a replay may cause the request, too, but only once after a start.
 */
static void
look_behind(struct datapath *dp, struct esp_pair *pair)
{
	struct own *own = pair->user;
	bool refused = esp_sa_drops(&pair->in)[ESP_REPLAY] > 0;

	if (!own->leapt || (!refused && pair->in.count.packets == 0))
		return;
	own->leapt = false;
	if (pair->in.count.packets > 0 || pair->soft)
		return;
	dp_note(dp, 0, "SA %08x: packets are refused as replays, since %s may have received them%s", get_be32(pair->in.spi),
	    own->takeovers > 0 ? "another gateway" : "an esp-tun that did not end cleanly", dp->input_over ? "" : ": a new SA is requested");
	if (dp->input_over)
		return;			/* the new SA would not come here, and would replace this one */
	pair->soft = true;
	dp_event(dp, pair, SA_EVENT_SOFT);
}

/* If no packet was received since the last check, releases the numbers reserved ahead. */
void
dp_settle(struct datapath *dp)
{
	struct esp_pair *pair;

	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++) {
		uint64_t right = pair->in.window->right;
		struct own *own = pair->user;

		biglock_yield();
		look_behind(dp, pair);
		if (own->tick_right == (uint32_t)right && !own->asked_in && !own->settled) {
			own->settled = true;
			if (claim_unsettled(own->in_end, right))
				own->asked_in = ask(dp, KEEPER_SETTLE, own->id, right, 0) == 0;
		} else if (own->tick_right != (uint32_t)right)
			own->settled = false;
		own->tick_right = (uint32_t)right;
	}
}

/* ---- claims */

static int
free_id(struct datapath *dp, uint32_t *id)
{
	for (size_t i = 0; i < KEEPER_CLAIMS; i++) {
		*id = dp->next_id++ % KEEPER_CLAIMS;
		if (!dp->id_used[*id])
			return (0);
	}
	return (-1);
}

int
dp_claim_begin(struct datapath *dp, const struct sa_child *c, uint32_t *id, struct fault *f)
{
	/* Numbers after a takeover are new to this machine, however old the SA is. */
	struct keeper_ask q = { .op = KEEPER_TAKE, .a = c->takeovers > 0 ? UINT64_MAX : c->established, .b = c->lifetime.expires };

	if (free_id(dp, id) != 0)
		return (fault(f, FAULT_TOO_LARGE, "more than %d SAs at once", KEEPER_CLAIMS));
	q.id = *id;
	if (claim_digest(c, q.digest, f) != 0 || keeper_ask(&dp->keeper, &q, f) != 0)
		return (-1);
	watch_keeper(dp);
	dp->id_used[*id] = true;
	return (0);
}

void
dp_claim_back(struct datapath *dp, const struct keeper_answer *a)
{
	(void)ask(dp, KEEPER_RELEASE, a->id, a->out_next, a->in_right);
	dp->id_used[a->id] = false;
}

int
dp_claim_tie(struct datapath *dp, struct esp_pair *pair, const struct sa_child *c, const struct keeper_answer *a,
    struct fault *f)
{
	struct own *own = calloc(1, sizeof(*own));
	uint64_t first, end;

	if (own == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	own->id = a->id;
	own->out_end = a->out_end;
	own->in_end = a->in_end;
	own->takeovers = (uint8_t)(c->takeovers < UINT8_MAX ? c->takeovers : UINT8_MAX);
	own->range = dp->opt.shared || c->takeovers > 0 ? DP_RANGE_OWN : DP_RANGE_ALL;
	esp_sa_range(c->takeovers, &first, &end);
	pair->out.seq = (a->out_next > first ? a->out_next : first) - 1;
	replay_leap(pair->in.window, a->in_right);
	if (c->takeovers > 0)
		esp_sa_refuse_all(&pair->in);
	own->leapt = a->in_right > 0 || c->takeovers > 0;
	pair->user = own;
	if (dp_pmtu_add(dp, pair) != 0) {
		pair->user = NULL;
		free(own);
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	}
	dp->by_id[own->id] = pair;
	if (pair->out.seq + 1 >= own->out_end && ask(dp, KEEPER_OUT, own->id, pair->out.seq + 1, 0) == 0)
		own->asked_out = true;	/* the claim was of lower numbers */
	set_marks(pair, own);
	return (0);
}

void
dp_claim_again(struct datapath *dp, struct esp_pair *pair, const struct sa_child *c)
{
	struct own *own = pair->user;

	if (c->takeovers > own->takeovers)
		dp_note(dp, 0, "SA %08x: another gateway has taken it over: nothing is sent with it here",
		    get_be32(pair->in.spi));
	else if (own->range != DP_RANGE_NONE)
		return;
	own->takeovers = (uint8_t)(c->takeovers < UINT8_MAX ? c->takeovers : UINT8_MAX);
	own->range = DP_RANGE_NONE;
	pair->out.reserved = 0;
	pair->may_send = false;
	esp_sa_refuse_all(&pair->in);
	sadb_changed(dp->db);
}

void
dp_claim_end(struct datapath *dp, struct esp_pair *pair)
{
	struct own *own = pair->user;

	(void)ask(dp, KEEPER_RELEASE, own->id, pair->out.seq + 1, pair->in.window->right);
	dp_pmtu_remove(dp, own);
	dp->by_id[own->id] = NULL;
	dp->id_used[own->id] = false;
	free(own->zero);
	free(own);
	pair->user = NULL;
}

int
dp_keeper_answers(struct datapath *dp, struct fault *f)
{
	struct keeper_answer a;
	int rc = keeper_flush(&dp->keeper, f);

	while (rc == 0 && (rc = keeper_answer(&dp->keeper, &a, f)) == 1) {
		answered(dp, &a);
		rc = 0;
	}
	watch_keeper(dp);
	return (rc);
}
