/* Several sections for one responder: which of them a peer gets, and that its rules are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct section {
	const char	*name, *remote_id, *psk, *ike;
	enum sa_exchange exchange;
	uint64_t	 seconds;	/* 0: the default */
	bool		 any;		/* remote-id = any */
};

/* The initiator, and what becomes of it: the section's name and lifetime, or NULL: refused. */
struct peer {
	const char	*id, *psk, *ike;
	enum sa_exchange exchange;
	const char	*gets;
	uint64_t	 seconds;
};

#define WEAK	"aes128-sha1-modp1024"
#define STRONG	"aes256-sha256-modp1024"
#define LIFE	IKE_SECONDS_DEFAULT

static void
meets(const struct section *sections, size_t n, const struct peer *who)
{
	struct ike_policy left = sim_policy(who->psk, who->id, "right.example", who->ike, "aes128-sha1");
	struct ike_policy right = sim_policy("unused", "right.example", NULL, WEAK, "aes128-sha1"), p[8];
	struct ike_conf conf = { .policies = p, .n_policies = n, .respond = true };
	struct rand_seed seed;
	struct sim *s = calloc(1, sizeof(*s));
	struct fault f = {0};
	size_t i;

	assert_non_null(s);
	for (i = 0; i < n; i++) {
		p[i] = sim_policy(sections[i].psk, "right.example", sections[i].remote_id, sections[i].ike,
		    "aes128-sha1");
		(void)snprintf(p[i].name, sizeof(p[i].name), "%s", sections[i].name);
		p[i].exchange = sections[i].exchange;
		p[i].remote_id_any = sections[i].any;
		if (sections[i].seconds != 0)
			p[i].ike_seconds = sections[i].seconds;
	}
	left.exchange = who->exchange;
	left.timeout_ms = 3000;
	sim_init(s, &left, &right, 7);
	ike_engine_free(s->end[1].engine);
	conf.rand = rand_seeded(&seed, span_str("sections"));
	s->end[1].engine = ike_engine_new(&conf, &f);
	assert_non_null(s->end[1].engine);
	assert_int_equal(sim_connect(s, &left, false, &f), 0);
	sim_run(s, 5000, NULL);
	if (who->gets == NULL && s->end[1].n_ike != 0)
		fail_msg("%s got [%s]", who->id, s->end[1].ike.name);
	if (who->gets != NULL && s->end[1].n_ike == 0)
		fail_msg("%s was refused: %s", who->id, s->end[1].notes);
	if (who->gets != NULL) {
		assert_string_equal(s->end[1].ike.name, who->gets);
		assert_int_equal(s->end[1].ike.lifetime.seconds, who->seconds);
	}
	sim_free(s);
	for (i = 0; i < n; i++)
		ike_policy_wipe(&p[i]);
	ike_policy_wipe(&left);
	ike_policy_wipe(&right);
	free(s);
}

#define MEET(sections, ...) meets(sections, sizeof(sections) / sizeof((sections)[0]), &(struct peer){ __VA_ARGS__ })

/* Whoever knows the guests' key is a guest, whatever name it uses. */
static void
a_section_without_id_accepts_no_id_of_another(void **state)
{
	static const struct section main_first[] = {
		{ "guests", NULL, "guest", WEAK, SA_MAIN, 0, false },
		{ "boss", "boss.example", "boss", WEAK, SA_AGGRESSIVE, 0, false },
	}, keys[] = {
		{ "boss", "boss.example", "boss", WEAK, SA_AGGRESSIVE, 0, false },
		{ "guests", NULL, "guest", WEAK, SA_AGGRESSIVE, 0, false },
	}, open[] = {
		{ "guests", NULL, "guest", WEAK, SA_MAIN, 0, true },
		{ "boss", "boss.example", "boss", WEAK, SA_AGGRESSIVE, 0, false },
	};

	(void)state;
	MEET(main_first, "guest.example", "guest", WEAK, SA_MAIN, "guests", LIFE);
	MEET(main_first, "boss.example", "guest", WEAK, SA_MAIN, NULL, 0);
	MEET(main_first, "boss.example", "boss", WEAK, SA_AGGRESSIVE, "boss", LIFE);
	MEET(keys, "guest.example", "guest", WEAK, SA_AGGRESSIVE, "guests", LIFE);
	MEET(keys, "boss.example", "guest", WEAK, SA_AGGRESSIVE, NULL, 0);
	/* Who says `any` means it. */
	MEET(open, "boss.example", "guest", WEAK, SA_MAIN, "guests", LIFE);
}

/* The section of the identity decides, not the one that the address gave first. */
static void
the_identified_section_counts(void **state)
{
	static const struct section main_mode[] = {
		{ "weak", "weak.example", "shared", WEAK, SA_MAIN, 0, false },
		{ "strong", "strong.example", "shared", STRONG, SA_MAIN, 600, false },
		{ "apart", "apart.example", "shared", WEAK, SA_AGGRESSIVE, 0, false },
	}, aggressive[] = {
		{ "weak", "weak.example", "one", WEAK, SA_AGGRESSIVE, 0, false },
		{ "strong", "strong.example", "two", STRONG, SA_AGGRESSIVE, 600, false },
	};

	(void)state;
	MEET(main_mode, "weak.example", "shared", WEAK, SA_MAIN, "weak", LIFE);
	/* It offers what only the second section has; and what only the first has, which is not its own. */
	MEET(main_mode, "strong.example", "shared", STRONG, SA_MAIN, "strong", 600);
	MEET(main_mode, "strong.example", "shared", WEAK, SA_MAIN, NULL, 0);
	MEET(main_mode, "weak.example", "shared", STRONG, SA_MAIN, NULL, 0);
	MEET(main_mode, "apart.example", "shared", WEAK, SA_MAIN, NULL, 0);
	/* Here the identity comes first. */
	MEET(aggressive, "weak.example", "one", WEAK, SA_AGGRESSIVE, "weak", LIFE);
	MEET(aggressive, "strong.example", "two", STRONG, SA_AGGRESSIVE, "strong", 600);
	MEET(aggressive, "strong.example", "two", WEAK "," STRONG, SA_AGGRESSIVE, "strong", 600);
	MEET(aggressive, "strong.example", "two", WEAK, SA_AGGRESSIVE, NULL, 0);
	MEET(aggressive, "weak.example", "one", STRONG, SA_AGGRESSIVE, NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_without_id_accepts_no_id_of_another),
		cmocka_unit_test(the_identified_section_counts),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
