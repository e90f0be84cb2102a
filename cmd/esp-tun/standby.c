/*
 * --standby: the SAs of a gateway that shares its address with another one. This end holds them, and uses them when it takes
 * over. Both signals of that, SIGUSR2 and the event that ike-respond writes before its own records, do the same, and the second
 * one nothing: the number of takeovers in a record is counted once.
 */
#include <stdlib.h>

#include "esp_tun.h"
#include "os/rundir.h"
#include "sa/set.h"

struct tun_standby {
	struct sa_set	*set;		/* NULL: all of it is used */
	size_t		 at;		/* in it */
	bool		 active;
	char		 place[RUNDIR_PLACE];
};

struct tun_standby *
standby_new(struct fault *f)
{
	struct tun_standby *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->set = sa_set_new()) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for SA state");
	else if (rundir_place(s->place, f) == 0)
		return (s);
	standby_free(s);
	return (NULL);
}

void
standby_free(struct tun_standby *s)
{
	if (s == NULL)
		return;
	sa_set_free(s->set);
	free(s);
}

bool
standby_waits(const struct tun_standby *s)
{
	return (s != NULL && !s->active);
}

void
standby_take(struct tun_standby *s, uint64_t epoch)
{
	(void)sa_set_expire(s->set, epoch, NULL, NULL);
	s->active = true;
}

enum standby_step
standby_record(struct tun_standby *s, const struct sa_rec *r, unsigned source, struct fault *f)
{
	bool take = r->type == SA_EVENT && r->event.what == SA_EVENT_TAKEOVER;
	bool here = take && strcmp(r->event.text, s->place) == 0;

	*f = (struct fault){0};
	if (take)
		return (here == s->active ? STANDBY_KEPT : here ? STANDBY_TAKE : STANDBY_LOST);
	if (s->active || r->type == SA_NHRP_BINDING)
		return (STANDBY_PASS);
	(void)sa_set_apply(s->set, source, r, NULL, NULL, f);
	return (STANDBY_KEPT);
}

bool
standby_next(struct tun_standby *s, struct sa_rec *r, unsigned *source)
{
	const struct sa_rec *held;

	if (s->set == NULL)
		return (false);
	if ((held = sa_set_next(s->set, &s->at, source)) == NULL || sa_rec_copy(r, held) != 0) {
		sa_set_free(s->set);
		s->set = NULL;
		return (false);
	}
	if (r->type == SA_CHILD && r->child.takeovers < UINT32_MAX)
		r->child.takeovers++;
	return (true);
}
