/* A net of the machines of NHRP. */
#include "nhrp_net.h"

struct end hub, hub2, one, two;	/* ${hub2}: where a test makes it */
struct queued queue[QUEUE];
size_t q_first, q_last;
struct now now;
bool drop;		/* the net loses everything */

struct addr
ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return (a);
}

static void
on_send(void *ctx, const struct addr *to, struct span packet)
{
	struct end *e = ctx;

	e->sent++;
	if (addr_cmp(to, &hub.outer) != 0)
		e->mapped = true;
	if (drop)
		return;
	assert_true(q_last < QUEUE && packet.len <= sizeof(queue[0].b));
	queue[q_last].from = e->outer;
	queue[q_last].to = *to;
	queue[q_last].len = packet.len;
	memcpy(queue[q_last++].b, packet.p, packet.len);
}

static void
on_binding(void *ctx, const struct sa_nhrp_binding *b)
{
	struct end *e = ctx;

	assert_true(e->n_bindings < 256);
	assert_true(b->holding == 0 || sa_binding_valid(b));
	e->binding[e->n_bindings++] = *b;
}

static void
on_event(void *ctx, const struct sa_nhrp_event *ev)
{
	struct end *e = ctx;

	assert_true(e->n_events < 256);
	e->event[e->n_events++] = *ev;
}

void
receive(struct end *e, const struct addr *from, struct span s)
{
	static struct nhrp_in in;

	e->got++;
	if (nhrp_node_receive(&e->node, &in, from, s, now, NULL) != 0)
		e->unused++;
	else if (e->serve != NULL)
		nhrp_serve_receive(e->serve, &in, now);
	else if (!nhrp_client_receive(&e->client, &in, now))
		e->unused++;
}

/* Delivers until nothing is under way. */
void
nhrp_net_run(void)
{
	struct end *const ends[] = { &hub, &one, &two, &hub2 };
	size_t i;

	for (; q_first < q_last; q_first++)
		for (i = 0; i < 4; i++)
			if (!ends[i]->down && addr_cmp(&queue[q_first].to, &ends[i]->outer) == 0)
				receive(ends[i], &queue[q_first].from, span_of(queue[q_first].b, queue[q_first].len));
	q_first = q_last = 0;
}

void
forge(struct end *to, const struct addr *from, const struct nhrp_packet *p)
{
	static uint8_t out[NHRP_PACKET_MAX];
	size_t n = nhrp_encode(out, sizeof(out), p);

	assert_true(n > 0);
	receive(to, from, span_of(out, n));
	nhrp_net_run();
}

static void
end_make(struct end *e, const char *nbma, const char *proto, uint32_t id)
{
	if (e->serve != NULL)
		nhrp_serve_close(e->serve);
	free(e->serve);
	*e = (struct end){ .node = { .source = "test", .tun = "gre1", .nbma = ip(nbma), .proto = ip(proto), .holding = 60,
	    .id = id } };
	e->outer = e->node.nbma;
	e->node.sink = (struct nhrp_sink){ on_send, on_binding, on_event, e };
}

/* The routes of the hub: 10.N.0.0/24 by the client N. */
bool
route(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix)
{
	(void)ctx;
	if (dst->b[0] != 10 || dst->b[1] < 1 || dst->b[1] > 3)
		return (false);
	*via = (struct addr){ 4, { 10, 255, 255, dst->b[1] }, 0 };
	*prefix = 24;
	return (true);
}

bool
hub_local(void *ctx, const struct addr *a, uint8_t *prefix)
{
	(void)ctx;
	*prefix = 24;
	return (a->b[0] == 10 && a->b[1] == 0);
}

static void
client_make(struct end *e, const char *nbma, const char *proto, const char *net, uint32_t id)
{
	end_make(e, nbma, proto, id);
	e->client.node = &e->node;
	e->client.shortcut = true;
	e->client.nets[0] = (struct nhrp_net){ ip(net), 24 };
	e->client.n_nets = 1;
	e->client.n_regs = 1;
}

void
net_make(bool nat)
{
	struct nhrp_serve_conf c = { .redirect = true, .salt = 7, .route = route, .local = hub_local };

	now = (struct now){ .ms = 1000000, .epoch = 1700000000 };
	q_first = q_last = 0;
	drop = false;
	end_make(&hub2, "203.0.113.253", "10.255.255.253", 4000);
	hub2.down = true;
	end_make(&hub, "203.0.113.254", "10.255.255.254", 1000);
	hub.serve = malloc(sizeof(*hub.serve));
	assert_non_null(hub.serve);
	assert_int_equal(nhrp_serve_open(hub.serve, &hub.node, &c), 0);
	client_make(&one, "203.0.113.11", "10.255.255.1", "10.1.0.0", 2000);
	client_make(&two, nat ? "192.0.2.12" : "203.0.113.12", "10.255.255.2", "10.2.0.0", 3000);
	if (nat)
		two.outer = ip("203.0.113.1");
}

void
register_at_hub(struct end *e, bool unique)
{
	struct nhrp_register_conf c = { .nhs_nbma = hub.outer, .unique = unique, .keep = true };

	nhrp_register_start(&e->client.reg[0], &e->node, &c, now);
	nhrp_net_run();
}

void
both_register(bool nat)
{
	net_make(nat);
	register_at_hub(&one, false);
	register_at_hub(&two, false);
	assert_int_equal(one.client.reg[0].state.outcome, NHRP_ACCEPTED);
	assert_int_equal(two.client.reg[0].state.outcome, NHRP_ACCEPTED);
}

/* Time goes by, ${ms}, with every deadline met. */
void
pass(uint64_t ms)
{
	uint64_t until = now.ms + ms, at, b;

	for (;;) {
		at = nhrp_serve_deadline_ms(hub.serve);
		at = (b = nhrp_client_deadline_ms(&one.client)) != 0 && b < at ? b : at;
		at = (b = nhrp_client_deadline_ms(&two.client)) != 0 && b < at ? b : at;
		at = hub2.serve != NULL && (b = nhrp_serve_deadline_ms(hub2.serve)) < at ? b : at;
		if (at > until)
			break;
		now.ms = at > now.ms ? at : now.ms;
		now.epoch = 1700000000 + (now.ms - 1000000) / 1000;
		nhrp_serve_timeout(hub.serve, now);
		if (hub2.serve != NULL)
			nhrp_serve_timeout(hub2.serve, now);
		if (one.client.reg[0].node != NULL)
			nhrp_client_timeout(&one.client, now);
		if (two.client.reg[0].node != NULL)
			nhrp_client_timeout(&two.client, now);
		nhrp_net_run();
	}
	now.ms = until;
	now.epoch = 1700000000 + (now.ms - 1000000) / 1000;
}

const struct sa_nhrp_event *
last_event(const struct end *e, const char *what)
{
	size_t i;

	for (i = e->n_events; i-- > 0;)
		if (strcmp(e->event[i].what, what) == 0)
			return (&e->event[i]);
	return (NULL);
}

const struct sa_nhrp_binding *
last_binding(const struct end *e, enum nhrp_kind kind)
{
	size_t i;

	for (i = e->n_bindings; i-- > 0;)
		if (e->binding[i].kind == kind)
			return (&e->binding[i]);
	return (NULL);
}

void
is(const struct addr *a, const char *text)
{
	char out[ADDR_TEXT];

	if (text == NULL)
		assert_int_equal(a->family, 0);
	else
		assert_string_equal(a->family == 0 ? "none" : addr_text(out, a), text);
}

/* ${e} sends to ${dst} through the hub: the hub's device gives a sample. */
void
traffic(struct end *e, const char *src, const char *dst, struct end *to)
{
	uint8_t head[28] = { 0x45 };
	struct addr s = ip(src), d = ip(dst);

	memcpy(head + 12, s.b, 4);
	memcpy(head + 16, d.b, 4);
	nhrp_serve_sample(hub.serve, &e->outer, &to->outer, SPAN_ARRAY(head), now);
	nhrp_net_run();
}

/* Seconds go by, in each of which ${e} sends to ${to}. */
void
busy(struct end *e, const struct addr *to, unsigned seconds)
{
	while (seconds-- > 0) {
		pass(1000);
		nhrp_client_used(&e->client, to, now);
		nhrp_net_run();
	}
}

unsigned
events(const struct end *e, const char *what)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < e->n_events; i++)
		n += strcmp(e->event[i].what, what) == 0;
	return (n);
}

struct vec
frr_packet(const char *name)
{
	FILE *fp = vec_open(VEC_OURS, "nhrp_frr.txt");
	static char value[2 * VEC_MAX];
	char line[128];
	struct vec v = {0};

	while (v.len == 0 && vec_line(fp, line, sizeof(line), value, sizeof(value)))
		if (strncmp(line, name, strlen(name)) == 0)
			vec_hex(&v, value);
	(void)fclose(fp);
	assert_true(v.len > 0);
	return (v);
}
