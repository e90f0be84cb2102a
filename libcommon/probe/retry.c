/* Timers of a probe message that waits for its answer. */
#include "probe/retry.h"

static bool
set(struct retry *r, struct span msg)
{
	return (msg.len > 0 && bytes_set(&r->msg, msg) == 0);
}

bool
retry_begin(struct retry *r, struct span msg, uint32_t wait_ms, uint32_t timeout_ms,
    struct now now)
{
	r->sent_ms = now.ms;
	r->wait_ms = wait_ms;
	r->due_ms = now.ms + wait_ms;
	r->give_up_ms = now.ms + timeout_ms;
	return (set(r, msg));
}

void
retry_again(struct retry *r, uint32_t most_ms, struct now now)
{
	r->wait_ms = 2 * r->wait_ms < most_ms ? 2 * r->wait_ms : most_ms;
	r->sent_ms = now.ms;
	r->due_ms = now.ms + r->wait_ms;
}

bool
retry_replace(struct retry *r, struct span msg, uint32_t most_ms, struct now now)
{
	retry_again(r, most_ms, now);
	return (set(r, msg));
}

void
retry_listen(struct retry *r, uint64_t wait_ms, struct now now)
{
	r->due_ms = UINT64_MAX;
	r->give_up_ms = now.ms + wait_ms;
}

void
retry_free(struct retry *r)
{
	bytes_free(&r->msg);
	*r = (struct retry){0};
}
