/* Token buckets by address: how much work unproven peers may cause. */
#include "ike/budget.h"

#include "base/table.h"

static struct addr
key_of(const struct addr *a)
{
	struct addr key = { .family = a->family };

	memcpy(key.b, a->b, a->family == 4 ? 4 : 8);
	return (key);
}

/* The bucket of ${addr}. Another address that has this slot loses its bucket. */
static struct ike_bucket *
bucket_of(struct ike_budget *b, uint64_t salt, const struct addr *addr)
{
	struct addr key = key_of(addr);
	struct ike_bucket *k = &b->slot[hash_bytes(key.b, sizeof(key.b), salt) % BUDGET_SLOTS];

	if (addr_cmp(&k->addr, &key) != 0)
		*k = (struct ike_bucket){ .addr = key };
	return (k);
}

/* Credits the time since the last look. */
static void
refill(struct ike_bucket *k, struct now now, unsigned times)
{
	uint64_t back = (now.ms - k->at_ms) * BUDGET_REFILL * times;

	k->milli = back >= k->milli ? 0 : k->milli - (uint32_t)back;
	k->at_ms = now.ms;
}

static bool
has(struct ike_bucket *k, struct now now, unsigned units, unsigned times)
{
	refill(k, now, times);
	return (k->milli + units * 1000 <= BUDGET_BURST * 1000 * times);
}

bool
ike_budget_take(struct ike_budget *b, uint64_t salt, const struct addr *addr, struct now now,
    unsigned units)
{
	struct ike_bucket *k = bucket_of(b, salt, addr);

	if (!has(k, now, units, 1) || (b->has_all && !has(&b->all, now, units, BUDGET_ALL)))
		return (false);
	k->milli += units * 1000;
	b->all.milli += b->has_all ? units * 1000 : 0;
	return (true);
}

void
ike_budget_charge(struct ike_budget *b, uint64_t salt, const struct addr *addr, struct now now)
{
	struct ike_bucket *k = bucket_of(b, salt, addr);

	if (has(k, now, 1, 1))
		k->milli += 1000;
}

bool
ike_budget_left(struct ike_budget *b, uint64_t salt, const struct addr *addr, struct now now)
{
	return (has(bucket_of(b, salt, addr), now, 1, 1));
}

void
ike_budget_forgive(struct ike_budget *b, uint64_t salt, const struct addr *addr)
{
	*bucket_of(b, salt, addr) = (struct ike_bucket){ .addr = key_of(addr) };
}
