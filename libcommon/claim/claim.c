/* Claims: files that record which sequence numbers are used, and their locks. */
#include "claim/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/crypto.h"
#include "claim/claim_file.h"
#include "os/clock.h"

#define LOCK_FILE	"claim.lock"
#define NEW		".new"	/* added to the name of a file that has no contents yet */
#define TRIES		20

#define OUT_BLOCK	(UINT64_C(1) << 16)
#define IN_BLOCK	UINT64_C(8)
#define BLOCK_MAX_OUT	(UINT64_C(1) << 22)
#define BLOCK_MAX_IN	(UINT64_C(1) << 20)

/* ---- writes */

/* Adds ${cl} to the list of claims that wait for a sync, or removes it. */
static void
set_dirty(struct claim *cl, bool dirty)
{
	struct claim **at = &cl->c->dirty;

	if (dirty && !cl->dirty) {
		cl->next_dirty = *at;
		*at = cl;
	} else if (!dirty && cl->dirty) {
		while (*at != cl)
			at = &(*at)->next_dirty;
		*at = cl->next_dirty;
	}
	cl->dirty = dirty;
	cl->owed = cl->owed && dirty;
}

int
claims_sync(struct claims *c, struct fault *f)
{
	int rc = c->dirty != NULL ? slots_sync(&c->slots, f) : 0;

	while (c->dirty != NULL)
		set_dirty(c->dirty, false);
	return (rc);
}

/* Writes the numbers. ${owed}: the reserved ones must not be used before the disk has them. */
static int
store(struct claim *cl, uint64_t out, uint64_t in, bool owed, struct fault *f)
{
	const struct claim_numbers n = { out, in, cl->expires };

	if (slots_put(&cl->c->slots, cl->slot, cl->name, &n, f) != 0)
		return (-1);
	set_dirty(cl, true);
	cl->owed = cl->owed || owed;
	return (0);
}

/* The keys decide, not the SPI: the same keys in another record would repeat the same nonces. */
int
claim_digest(const struct sa_child *rec, uint8_t digest[CLAIM_DIGEST], struct fault *f)
{
	struct span parts[] = {
		span_str("sapipe claim 1"), span_str(rec->encryption), span_of("\0", 1),
		span_str(rec->integrity), span_of("\0", 1),
		secret_span(&rec->enc_out), secret_span(&rec->auth_out),
	};
	uint8_t sum[HASH_MAX];

	if (hash_parts(alg_hash_word("sha256"), sum, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	memcpy(digest, sum, CLAIM_DIGEST);
	wipe(sum, sizeof(sum));
	return (0);
}

static int
fingerprint(const struct claims *c, const uint8_t digest[CLAIM_DIGEST], char name[CLAIM_NAME],
    struct fault *f)
{
	struct span part = span_of(digest, CLAIM_DIGEST);
	struct secret mac = {0};

	if (prf_parts(alg_hash_word("sha256"), secret_span(&c->key), &mac, &part, 1, f) != 0)
		return (-1);
	(void)hex_put(name, CLAIM_HEX + 1, span_of(mac.p, 16));
	(void)strcat(name, CLAIM_SUFFIX);
	secret_free(&mac);
	return (0);
}

/* ---- locks: one byte of one file for each claim, so that a claim needs no descriptor */

static off_t
lock_at(const char *name)
{
	uint64_t at = 0;
	size_t i;

	for (i = 0; i < 15; i++)	/* 60 of the 128 bits of the name */
		at = at << 4 | (uint64_t)(name[i] <= '9' ? name[i] - '0' : name[i] - 'a' + 10);
	return ((off_t)at);
}

/* A lock of the open file description: the process keeps it when it closes other descriptors of the file. */
static int
set_lock(struct claims *c, const char *name, short type)
{
	struct flock byte = { .l_type = type, .l_whence = SEEK_SET, .l_start = lock_at(name), .l_len = 1 };

	if (c->lock == -1)
		c->lock = openat(c->dir, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return (c->lock == -1 ? -1 : fcntl(c->lock, F_OFD_SETLK, &byte));
}

static struct claim **
bucket(struct claims *c, const char *name)
{
	return (&c->held[(size_t)lock_at(name) % CLAIM_BUCKETS]);
}

/* Whether this process holds the claim, which its own lock does not show. */
static bool
is_held(struct claims *c, const char *name)
{
	const struct claim *cl;

	for (cl = *bucket(c, name); cl != NULL && strcmp(cl->name, name) != 0; cl = cl->next_held)
		;
	return (cl != NULL);
}

/* Locks; waits a moment for a holder that is about to exit. */
static int
hold(struct claim *cl, struct fault *f)
{
	const struct timespec moment = { 0, 50 * 1000 * 1000 };
	struct claims *c = cl->c;
	int i, rc = -1;

	for (i = 0; i < TRIES && !is_held(c, cl->name); i++) {
		if ((rc = set_lock(c, cl->name, F_WRLCK)) == 0 || (errno != EAGAIN && errno != EACCES))
			break;
		if (i + 1 < TRIES)
			(void)nanosleep(&moment, NULL);
	}
	if (rc == 0) {
		cl->next_held = *bucket(c, cl->name);
		*bucket(c, cl->name) = cl;
		cl->locked = true;
		return (0);
	}
	if (i == TRIES)
		return (fault(f, FAULT_CLAIMED, "another esp-tun sends with the keys of this SA (claim %s)",
		    cl->name));
	if (is_held(c, cl->name))
		return (fault(f, FAULT_CLAIMED, "this esp-tun already sends with the keys of this SA (claim %s)",
		    cl->name));
	return (fault_because(f, CAUSE_STATE_DIR,
	    fault_sys(f, FAULT_SYSTEM, "cannot lock claim %s", cl->name)));
}

static void
let_go(struct claim *cl)
{
	struct claim **at = bucket(cl->c, cl->name);

	if (!cl->locked)
		return;
	while (*at != cl)
		at = &(*at)->next_held;
	*at = cl->next_held;
	cl->locked = false;
	(void)set_lock(cl->c, cl->name, F_UNLCK);
}

/* ---- claims */

/*
 * When this machine started, by the clock that shows ${now}. It is calculated each time, since the clock may have been set,
 * and new SAs have the new time.
 */
static uint64_t
boot_epoch(uint64_t now)
{
	struct timespec up;

	if (clock_gettime(CLOCK_BOOTTIME, &up) != 0 || now < (uint64_t)up.tv_sec)
		return (0);
	return (now - (uint64_t)up.tv_sec);
}

/*
 * Reads the numbers of ${cl}, which is locked, into ${n}: from its slot, or from a file of an earlier version. 1; 0: there is no
 * record; -1 with a fault.
 */
static int
recall(struct claim *cl, uint64_t established, uint64_t now, struct claim_numbers *n, struct fault *f)
{
	struct claim_numbers file = *n;
	struct claims *c = cl->c;
	int rc, old;

	cl->slot = SLOT_NONE;
	if (!slots_fresh(&c->slots) || slots_doubt(&c->slots) > now) {
		if (slots_lock(&c->slots, c->dir, f) != 0)
			return (-1);
		rc = slots_refresh(&c->slots, now, f);
		slots_unlock(&c->slots);
		if (rc != 0)
			return (-1);
	}
	if ((rc = slots_find(&c->slots, cl->name, &cl->slot, n, f)) == -1 || (old = claim_load(c->dir, cl->name, &file, f)) == -1)
		return (-1);
	if (old == 1) {
		n->out = file.out > n->out ? file.out : n->out;
		n->in = file.in > n->in ? file.in : n->in;
	}
	if (rc == 0 && old == 0 && established <= slots_doubt(&c->slots))
		return (fault_because(f, CAUSE_CLAIM, fault(f, FAULT_MALFORMED, "claims in " SLOTS_FILE " are damaged, perhaps that of "
		    "this SA (%.*s); the numbers that were used are not known", CLAIM_HEX, cl->name)));
	return (rc == 1 || old == 1);
}

/* Records the first block of ${cl}. ${known}: the numbers follow used ones. */
static int
begin(struct claim *cl, bool known, uint64_t now, struct fault *f)
{
	const struct claim_numbers n = { cl->out_end, cl->in_end - 1, cl->expires };
	struct claims *c = cl->c;
	int rc;

	/*
	 * Used numbers must not be used again, so an existing claim must be on disk. A new claim
	 * need not be: after a crash of the machine it does not exist, and the SA is rejected.
	 */
	if (cl->slot != SLOT_NONE)
		return (store(cl, n.out, n.in, true, f));
	if (slots_lock(&c->slots, c->dir, f) != 0)
		return (-1);
	rc = slots_refresh(&c->slots, now, f) == 0 ? slots_new(&c->slots, &cl->slot, cl->name, &n, f) : -1;
	slots_unlock(&c->slots);
	if (rc == 0)
		set_dirty(cl, true);
	cl->owed = rc == 0 && known;
	return (rc);
}

struct claim *
claim_take(struct claims *c, const uint8_t digest[CLAIM_DIGEST], uint64_t established,
    uint64_t expires, uint64_t now, struct fault *f)
{
	struct claim *cl = calloc(1, sizeof(*cl));
	struct claim_numbers n = { .out = 1 };
	uint64_t boot = boot_epoch(now);
	int rc;

	if (cl == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a claim");
		return (NULL);
	}
	cl->c = c;
	if (fingerprint(c, digest, cl->name, f) != 0 || hold(cl, f) != 0 ||
	    (rc = recall(cl, established, now, &n, f)) == -1)
		goto bad;
	if (rc == 0 && established < boot) {
		(void)fault(f, FAULT_STALE_SA, "the SA was established %lu s before this machine started, "
		    "and no claim records the sequence numbers sent with it",
		    (unsigned long)(boot - established));
		goto bad;
	}
	cl->out_next = n.out;
	cl->in_right = n.in;
	cl->expires = expires > now ? expires : now;
	cl->out_end = claim_plus(cl->out_next, OUT_BLOCK);
	cl->in_end = claim_plus(cl->in_right, 1 + IN_BLOCK);
	if (begin(cl, rc == 1, now, f) != 0)
		goto bad;
	return (cl);
bad:
	claim_free(cl);
	return (NULL);
}

/* Blocks grow while they last less than a second, so that the disk is asked about once a second. */
static uint64_t
next_block(uint64_t *block, uint64_t *at, uint64_t least, uint64_t most)
{
	uint64_t now = clock_mono_ms();

	if (*block == 0)
		*block = least;
	else if (now - *at < 1000)
		*block = *block * 4 < most ? *block * 4 : most;
	else if (now - *at > 4000 && *block > least)
		*block /= 2;
	*at = now;
	return (*block);
}

int
claim_reserve_out(struct claim *cl, uint64_t seq, struct fault *f)
{
	uint64_t end = claim_plus(seq, next_block(&cl->out_block, &cl->out_ms, OUT_BLOCK, BLOCK_MAX_OUT));

	if (store(cl, end, cl->in_end - 1, true, f) != 0)
		return (-1);
	cl->out_end = end;
	return (0);
}

int
claim_reserve_in(struct claim *cl, uint64_t seq, struct fault *f)
{
	uint64_t end = claim_plus(seq, next_block(&cl->in_block, &cl->in_ms, IN_BLOCK, BLOCK_MAX_IN));

	if (store(cl, cl->out_end, end - 1, false, f) != 0)
		return (-1);
	cl->in_end = end;
	return (0);
}

bool
claim_unsettled(uint64_t in_end, uint64_t right)
{
	return (in_end > claim_plus(right, 2 * IN_BLOCK));
}

int
claim_settle_in(struct claim *cl, uint64_t right, struct fault *f)
{
	uint64_t end = claim_plus(right, IN_BLOCK);

	if (!claim_unsettled(cl->in_end, right))
		return (0);
	cl->in_block = IN_BLOCK;
	if (store(cl, cl->out_end, end - 1, false, f) != 0)
		return (-1);
	cl->in_end = end;
	return (0);
}

void
claim_release(struct claim *cl, uint64_t out_next, uint64_t in_right)
{
	(void)store(cl, out_next, in_right, false, NULL);
	let_go(cl);
}

void
claim_unlock(struct claim *cl)
{
	let_go(cl);
}

void
claim_free(struct claim *cl)
{
	if (cl == NULL)
		return;
	let_go(cl);
	set_dirty(cl, false);
	wipe(cl, sizeof(*cl));
	free(cl);
}

static bool
take_name(void *ctx, const char *name)
{
	return (!is_held(ctx, name) && set_lock(ctx, name, F_WRLCK) == 0);
}

static void
give_name(void *ctx, const char *name)
{
	(void)set_lock(ctx, name, F_UNLCK);
}

/* Files of earlier versions. */
static void
prune_files(struct claims *c, uint64_t now)
{
	char name[CLAIM_NAME];
	struct dirent *e;
	DIR *d = claim_list(c->dir);

	while (d != NULL && (e = readdir(d)) != NULL) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)CLAIM_NAME_LEN, e->d_name);
		if (!claim_is_name(name) || !take_name(c, name))
			continue;
		/* Damaged claims stay: they block SAs with unknown sequence numbers. */
		if (strcmp(e->d_name + strlen(name), NEW) == 0 ||
		    (e->d_name[strlen(name)] == '\0' && claim_is_over(c->dir, name, now)))
			(void)unlinkat(c->dir, e->d_name, 0);
		give_name(c, name);
	}
	if (d != NULL)
		(void)closedir(d);
}

void
claims_prune(struct claims *c, uint64_t now)
{
	prune_files(c, now);
	if (slots_lock(&c->slots, c->dir, NULL) != 0)
		return;
	if (slots_refresh(&c->slots, now, NULL) == 0)
		slots_prune(&c->slots, now, take_name, give_name, c);
	slots_unlock(&c->slots);
}
