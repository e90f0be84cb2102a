/*
 * Attributes of mode config. As client: any REPLY or SET, then its record. As gateway: any REQUEST, whose answer a client
 * accepts. The first byte says which.
 */
#include <stdlib.h>

#include "ike/engine_priv.h"
#include "ike/v1run/mode_config_give.h"
#include "ike/v1run/mode_config_take.h"
#include "sa/codec.h"
#include "must.h"

static struct ike_engine engine = { .conf.one_peer = true };
static struct ike_policy gate;

static void
make_gate(void)
{
	struct selector range;
	struct ike_settings *s;

	if (gate.pool != NULL)
		return;
	ike_policy_default(&gate);
	must(selector_parse(&range, "10.3.0.0/29") == 0 && (gate.pool = pool_new(&range, NULL)) != NULL);
	must(selector_parse(&range, "2001:db8:3::/64") == 0 && (gate.pool6 = pool_new(&range, NULL)) != NULL);
	must((s = gate.give = ike_settings_new()) != NULL);
	must(addr_parse(&s->dns[0], "10.2.0.53") == 0 && addr_parse(&s->dns[1], "2001:db8::53") == 0);
	must(selector_parse(&s->split[0], "10.2.0.0/16") == 0 && selector_parse(&s->split[1], "2001:db8:2::/48") == 0);
	s->n_dns = s->n_split = 2;
	memset(s->banner, 'b', sizeof(s->banner) - 1);
	memcpy(s->domain, "corp.example", 13);
	memcpy(s->version, "fuzz", 5);
}

static bool
printable(const char *text, size_t cap)
{
	size_t i;

	for (i = 0; i < cap && text[i] != '\0'; i++)
		if (((uint8_t)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f)
			return (false);
	return (i < cap);
}

static void
check(const struct ike_config *c)
{
	const struct ike_settings *s = c->settings;
	size_t i;

	must(s->n_dns <= SA_LIST_MAX && s->n_nbns <= SA_LIST_MAX && s->n_split <= SA_NETS_MAX && s->n_local_lan <= SA_NETS_MAX);
	must(printable(s->domain, sizeof(s->domain)) && printable(s->split_dns, sizeof(s->split_dns)) &&
	    printable(s->banner, sizeof(s->banner)) && printable(s->version, sizeof(s->version)));
	for (i = 0; i < s->n_split; i++)
		must(selector_prefix(&s->split[i]) >= 0);
	for (i = 0; i < s->n_local_lan; i++)
		must(selector_prefix(&s->local_lan[i]) >= 0);
	must(c->address.family == 0 || c->address.family == 4);
	must(c->address6.family == 0 || c->address6.family == 6);
}

/* What the record says is what comes back from it. */
static void
round_trip(const struct ike_settings *s)
{
	static struct sa_ike rec;
	struct ike_settings *back = ike_settings_new();

	must(back != NULL);
	memset(&rec, 0, sizeof(rec));
	ike_settings_record(s, &rec);
	must(ike_settings_adopt(back, &rec) == 0);
	must(back->n_split == s->n_split && back->n_dns == s->n_dns && strcmp(back->banner, s->banner) == 0);
	free(back);
}

static void
take(const struct config *in, bool acks)
{
	static uint8_t acked[CONFIG_BODY_MAX];
	struct v1_sa sa = { .ike = { .engine = &engine, .policy = &gate } };
	struct wr ack = wr_of(acked, sizeof(acked));
	struct ike_outbox out = {0};
	struct fault f = {0};

	if (v1_config_take(&sa, in, acks ? &ack : NULL, &out, &f) == 0) {
		check(sa.ike.config);
		round_trip(sa.ike.config->settings);
		must(!ack.bad);
		/* The same again changes nothing that it replaces. */
		must(v1_config_take(&sa, in, NULL, &out, &f) == 0);
		check(sa.ike.config);
	}
	outbox_free(&out);
	free(sa.ike.config->settings);
	free(sa.ike.config);
}

static void
give(const struct config *in)
{
	static uint8_t answer[CONFIG_BODY_MAX];
	struct v1_sa sa = { .ike = { .engine = &engine, .policy = &gate } };
	struct wr w = wr_of(answer, sizeof(answer));
	struct ike_outbox out = {0};
	struct fault why, f = {0};
	struct config c;

	config_begin(&w, CONFIG_REPLY, in->id);
	must(v1_config_give(&sa, (struct now){ .epoch = 1 }, in, &w, &why, &f) == 0);
	must(!w.bad && config_get(&c, wr_span(&w), &f) == 0);
	take(&c, true);
	v1_config_given(&sa, (struct now){ .epoch = 1 }, in, &out);
	outbox_free(&out);
	ike_policy_release(&gate, 1, &sa.ike.config->address);
	ike_policy_release(&gate, 1, &sa.ike.config->address6);
	free(sa.ike.config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	struct fault f = {0};

	make_gate();
	if (size < 1 || config_get(&c, span_of(data + 1, size - 1), &f) != 0)
		return (0);
	if ((data[0] & 1) == 0)
		take(&c, (data[0] & 2) != 0);
	else
		give(&c);
	return (0);
}
