/*
 * Hostile gateways before natd-probe's search for authentication methods: datagrams of any kind in any order, whose
 * cookies are put right. The search must come to an end, and what it keeps has its bounds.
 */

#include "probe/methods.h"
#include "wire/dn.h"
#include "wire/vid.h"
#include "probe_step.h"

/* What is kept of a gateway has its bounds and occurs once. */
static void
check_methods(const struct ike_methods_result *r)
{
	size_t i, j;

	must(r->asked <= r->to_ask && r->n <= METHODS_MAX && r->n_cas <= METHODS_CAS_MAX && r->certs.n <= METHODS_CERTS_MAX);
	must((r->certs.n > 0) == (r->certs_auth != 0));
	for (i = 0; i < r->n; i++)
		must(!r->of[i].message_4 || r->of[i].mode[0].end == METHOD_ACCEPTED);
	for (i = 0; i < r->n_cas; i++) {
		must(r->cas[i].len <= PROBE_CA_MAX && dn_valid(bytes_span(&r->cas[i])));
		for (j = 0; j < i; j++)
			must(!dn_eq(bytes_span(&r->cas[i]), bytes_span(&r->cas[j])));
	}
	for (i = 0; i < r->certs.n; i++)
		for (j = 0; j < i; j++)
			must(!cert_eq(r->certs.c[i], r->certs.c[j]));
}

static void
methods(struct span in)
{
	static uint8_t buf[4096];
	struct ike_methods_conf conf = { .local = us, .remote = peer, .proposal = offer().p, .natt = 1U << VID_NATT_RFC3947,
	    .id = id_from_addr(&us.addr), .timeout_ms = 2000, .gap_ms = 1 };
	const struct ike_methods_result *r;
	struct rand_seed seed;
	struct ike_methods *m;
	uint64_t now = 1, next_ms;
	unsigned steps;
	size_t i;

	conf.rand = rand_seeded(&seed, span_str("fuzz"));
	must((m = ike_methods_new(&conf, NULL)) != NULL);
	r = ike_methods_result(m);
	for (steps = 0; !machine_over(ike_methods_machine(m)); steps++) {
		must(steps < 5000);
		step(ike_methods_machine(m), now, &conf.remote, 0, &in, buf, sizeof(buf));
		next_ms = deadline_ms(ike_methods_machine(m));
		now = in.len >= 2 ? now + 1 : next_ms > now ? next_ms : now + 1;
	}
	check_methods(r);
	/* Each method was asked for, and each message was sent a few times. */
	for (i = 0; i < r->n; i++)
		must(r->of[i].mode[0].end != METHOD_UNKNOWN && r->of[i].mode[1].end != METHOD_UNKNOWN);
	must(r->asked == r->to_ask && r->sent <= 2 * 4 * r->to_ask);
	ike_methods_free(m);
}

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)secret_init();
	methods(span_of(data, size));
	return (0);
}
