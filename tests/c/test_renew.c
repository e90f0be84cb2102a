/* New policies for an engine that runs: which SAs stay, and that nothing refers to the policies before. */
#include "two.h"

#include "base/secret.h"
#include "ike/child.h"
#include "ike/renew/renew.h"

/* A copy with a secret of its own. */
static struct ike_policy *
copy_of(const struct ike_policy *p)
{
	struct ike_policy *c = malloc(sizeof(*c));

	assert_non_null(c);
	*c = *p;
	c->psk = (struct secret){0};
	assert_int_equal(secret_set(&c->psk, secret_span(&p->psk)), 0);
	return (c);
}

static struct ike_policy *graves[8];
static size_t n_graves;

/* The engine of ${side} gets ${to}; the policy before is overwritten and released. */
static struct ike_renewal
renew(struct two *t, int side, struct ike_policy **now, struct ike_policy *to, size_t n)
{
	struct ike_outbox todo = {0};
	struct ike_renewal what;
	struct fault f = {0};

	assert_int_equal(ike_engine_renew(t->sim.end[side].engine, t->sim.now, to, n, NULL, 0, &what, &todo, &f), 0);
	sim_flush(&t->sim, side, &todo);
	ike_policy_wipe(*now);
	/* Not released before the end of the test: its place keeps these bytes, which no policy has. */
	memset((void *)*now, 0xa5, sizeof(**now));
	assert_true(n_graves < sizeof(graves) / sizeof(graves[0]));
	graves[n_graves++] = *now;
	*now = to;
	return (what);
}

/* Two ends whose right one has its policy on the heap. */
static struct two *
begin(struct ike_policy **right, uint64_t seed)
{
	struct two *t = two_alloc(seed);
	struct ike_renewal what;
	struct ike_outbox todo = {0};
	struct fault f;

	(void)snprintf(t->right.name, sizeof(t->right.name), "left");
	t->left.dpd_seconds = t->right.dpd_seconds = 5;
	t->left.esp_seconds = t->right.esp_seconds = 60;
	t->left.ike_seconds = t->right.ike_seconds = 100;
	*right = copy_of(&t->right);
	assert_int_equal(ike_engine_renew(t->sim.end[1].engine, t->sim.now, *right, 1, NULL, 0, &what, &todo, &f), 0);
	assert_ptr_equal(what.to, *right);
	return (t);
}

static void
end(struct two *t, struct ike_policy *right)
{
	sim_free(&t->sim);
	ike_policy_wipe(&t->left);
	ike_policy_wipe(&t->right);
	ike_policy_wipe(right);
	free(right);
	while (n_graves > 0)
		free(graves[--n_graves]);
	free(t);
}

static void
test_the_same_keeps_all(void **state)
{
	struct ike_policy *right;
	struct two *t = begin(&right, 1);
	struct ike_renewal what;

	(void)state;
	two_connect(t, 2000);
	assert_int_equal(ike_engine_count_children(t->sim.end[1].engine), 1);
	what = renew(t, 1, &right, copy_of(right), 1);
	assert_int_equal(what.changes, 0);
	assert_int_equal(what.kept_ike, 1);
	assert_int_equal(what.kept_children, 1);
	assert_int_equal(what.ended_ike + what.ended_children, 0);
	/* They are found by their peer, */
	assert_ptr_equal(ike_child_sa(t->sim.end[1].engine, t->sim.end[1].engine->children), &two_sa(t, 1)->ike);
	/* are rekeyed, and checked, under the policy after. */
	sim_run(&t->sim, 90000, NULL);
	assert_true(sim_passes(&t->sim, 0));
	assert_true(sim_passes(&t->sim, 1));
	assert_true(sim_children_agree(&t->sim));
	assert_int_equal(t->sim.end[0].n_failed, 0);
	assert_int_equal(t->sim.end[1].n_failed, 0);
	end(t, right);
}

static void
test_removed(void **state)
{
	struct ike_policy *right, *other;
	struct two *t = begin(&right, 2);
	struct ike_renewal what;

	(void)state;
	two_connect(t, 2000);
	other = copy_of(right);
	(void)snprintf(other->name, sizeof(other->name), "another");
	other->exchange = SA_AGGRESSIVE;
	what = renew(t, 1, &right, other, 1);
	assert_null(what.to);
	assert_int_equal(what.ended_ike, 1);
	assert_int_equal(what.ended_children, 1);
	assert_int_equal(ike_engine_count_ike(t->sim.end[1].engine), 0);
	assert_int_equal(ike_engine_count_children(t->sim.end[1].engine), 0);
	/* The peer got deletes. */
	sim_run(&t->sim, 100, NULL);
	assert_int_equal(t->sim.end[0].n_children, 0);
	assert_true(t->sim.end[0].n_gone > 0);
	sim_run(&t->sim, 60000, NULL);
	assert_int_equal(ike_engine_count_ike(t->sim.end[1].engine), 0);
	end(t, right);
}

enum { PSK, ESP_OTHER, ESP_MORE, IKE_OTHER, IKE_MORE, ID_OTHER, ADDRESS_OTHER, NETS_LESS, NETS_MORE, LIFE, CHANGES };

static void
change(struct ike_policy *p, int what)
{
	struct fault f;

	switch (what) {
	case PSK:
		assert_int_equal(secret_set(&p->psk, span_str("another secret")), 0);
		break;
	case ESP_OTHER:
		assert_int_equal(esp_proposals_parse(&p->esp, "aes256-sha256", &f), 0);
		break;
	case ESP_MORE:
		assert_int_equal(esp_proposals_parse(&p->esp, "aes256-sha256,aes128-sha256", &f), 0);
		break;
	case IKE_OTHER:
		assert_int_equal(ike_proposals_parse(&p->ike, "aes256-sha256-curve25519", &f), 0);
		break;
	case IKE_MORE:
		assert_int_equal(ike_proposals_parse(&p->ike, "aes256-sha256-curve25519,aes128-sha256-curve25519", &f), 0);
		break;
	case ID_OTHER:
		assert_int_equal(id_parse(&p->remote_id, "somebody.example", &f), 0);
		break;
	case ADDRESS_OTHER:
		assert_int_equal(selector_parse(&p->remote_addr, "192.0.2.99"), 0);
		break;
	case NETS_LESS:
		assert_int_equal(selector_parse(&p->remote_ts[0], "10.1.0.0/25"), 0);
		break;
	case NETS_MORE:
		assert_int_equal(selector_parse(&p->remote_ts[0], "10.0.0.0/15"), 0);
		break;
	default:
		p->esp_seconds = 77;
		break;
	}
}

static void
test_changed(void **state)
{
	/* IKE SAs and child SAs that stay. */
	static const uint8_t stay[CHANGES][2] = { [PSK] = { 0, 0 }, [ESP_OTHER] = { 1, 0 }, [ESP_MORE] = { 1, 1 }, [IKE_OTHER] = { 0, 0 },
	    [IKE_MORE] = { 1, 1 }, [ID_OTHER] = { 0, 0 }, [ADDRESS_OTHER] = { 0, 0 }, [NETS_LESS] = { 1, 0 }, [NETS_MORE] = { 1, 1 },
	    [LIFE] = { 1, 1 } };
	struct ike_policy *right, *after;
	struct ike_renewal what;
	struct two *t;

	(void)state;
	for (int i = 0; i < CHANGES; i++) {
		t = begin(&right, (uint64_t)i + 10);
		two_connect(t, 2000);
		after = copy_of(right);
		change(after, i);
		what = renew(t, 1, &right, after, 1);
		if (what.kept_ike != stay[i][0] || what.kept_children != stay[i][1] || what.ended_ike != 1U - stay[i][0] ||
		    what.ended_children != 1U - stay[i][1] || what.changes == 0)
			fail_msg("change %d: %zu and %zu stay, %zu and %zu end, keys %s", i, what.kept_ike, what.kept_children,
			    what.ended_ike, what.ended_children, what.keys);
		sim_run(&t->sim, 100, NULL);
		assert_int_equal(t->sim.end[0].n_children, stay[i][1]);
		sim_run(&t->sim, 60000, NULL);
		end(t, right);
	}
}

static int	left_to_go;

static bool
count_down(struct sim *s)
{
	(void)s;
	return (left_to_go-- <= 0);
}

/* All that the right end has is of the policy ${right}. */
static void
check_owned(const struct two *t, const struct ike_policy *right)
{
	const struct ike_engine *e = t->sim.end[1].engine;
	const struct ike_child *c;
	const struct ike_sa *sa;

	for (c = e->children; c != NULL; c = c->next)
		assert_ptr_equal(c->policy, right);
	for (sa = e->sas; sa != NULL; sa = sa->next)
		assert_ptr_equal(sa->policy, right);
}

/* At each step of phase 1, quick mode and a rekey: what goes on goes on, what cannot begins again. */
static void
test_in_the_middle(void **state)
{
	struct ike_policy *right, *after;
	struct fault f;
	struct two *t;

	(void)state;
	for (int changed = 0; changed < 3; changed++)
		for (int step = 0; step < 24; step++) {
			t = begin(&right, (uint64_t)step + 100);
			assert_int_equal(sim_connect(&t->sim, &t->left, true, &f), 0);
			left_to_go = step;
			sim_run(&t->sim, 90000, count_down);
			after = copy_of(right);
			if (changed > 0)
				change(after, changed == 1 ? ESP_MORE : PSK);
			(void)renew(t, 1, &right, after, 1);
			sim_run(&t->sim, 1000, NULL);
			check_owned(t, right);
			sim_run(&t->sim, 119000, NULL);
			check_owned(t, right);
			/* With another secret nothing may pass, and nothing of the policy before be used. */
			if (changed == 2)
				assert_false(sim_passes(&t->sim, 0));
			else if (!sim_passes(&t->sim, 0) || !sim_passes(&t->sim, 1))
				fail_msg("step %d, changed %d: the tunnel is down: %s", step, changed, t->sim.end[0].notes);
			end(t, right);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_keeps_all),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_in_the_middle),
	};

	return (secret_init() != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL));
}
