/*
 * The machines of NHRP against packets of a stranger: a client and a server, each with the packets of the input, samples, and
 * the passage of time. A step is 4 bytes (what, from whom, how long) and a packet, whose checksum is made right. No packet
 * makes a machine send more than a few, and records that come out make sense.
 */

#include "nhrp/client.h"
#include "nhrp/pair.h"
#include "nhrp/serve.h"
#include "must.h"

#define MOST	(2 * NHRP_CIES_MAX + NHRP_ASKERS + 4)	/* packets in answer to one */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned sent;

static void
on_send(void *ctx, const struct addr *to, struct span packet)
{
	struct nhrp_packet p;

	(void)ctx;
	must(to->family != 0 && nhrp_decode(&p, packet, NULL) == 0 && !p.odd_sum);
	sent++;
}

static void
on_binding(void *ctx, const struct sa_nhrp_binding *b)
{
	(void)ctx;
	must(b->proto.family != 0 && b->prefix <= nhrp_bits(&b->proto));
	must(b->holding == 0 || sa_binding_valid(b));
}

static void
on_event(void *ctx, const struct sa_nhrp_event *e)
{
	(void)ctx;
	must(e->what[0] != '\0');
}

static bool
route(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix)
{
	(void)ctx;
	*via = (struct addr){ 4, { 10, 255, 255, dst->b[1] }, 0 };
	*prefix = 24;
	return (dst->family == 4 && dst->b[0] == 10);
}

static void
receive(struct nhrp_serve *s, struct nhrp_client *c, const struct addr *from, struct span packet, struct now now)
{
	static struct nhrp_in in;

	if (s != NULL && nhrp_node_receive(s->node, &in, from, packet, now, NULL) == 0)
		nhrp_serve_receive(s, &in, now);
	else if (s == NULL && nhrp_node_receive(c->node, &in, from, packet, now, NULL) == 0)
		(void)nhrp_client_receive(c, &in, now);
	must(sent <= MOST);
}

static void
samples(struct nhrp_serve *s, const struct addr *from, const struct addr *to, struct span head, struct now now)
{
	nhrp_serve_sample(s, from, to, head, now);
	nhrp_pair_sample(s, from, to, head, now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nhrp_serve s;
	static struct nhrp_client c;
	static uint8_t packet[NHRP_PACKET_MAX];
	static const struct nhrp_allowed allowed = { .net = { { 4, { 10, 0, 0, 0 }, 0 }, 8 } };
	struct nhrp_node hub = { .source = "fuzz", .tun = "", .nbma = { 4, { 203, 0, 113, 254 }, 0 },
	    .proto = { 4, { 10, 255, 255, 254 }, 0 }, .holding = 60, .id = 1, .sink = { on_send, on_binding, on_event, NULL } };
	struct nhrp_node spoke = { .source = "fuzz", .tun = "", .nbma = { 4, { 203, 0, 113, 11 }, 0 },
	    .proto = { 4, { 10, 255, 255, 1 }, 0 }, .holding = 60, .id = 1, .sink = { on_send, on_binding, on_event, NULL } };
	struct nhrp_serve_conf conf = { .redirect = true, .limit = 4, .route = route, .connect = true,
	    .allowed = &allowed, .n_allowed = 1 };
	struct acvpn offer = { .kind = ACVPN_OFFER, .has = UINT32_C(1) << ACVPN_ATTR_CERT };
	struct nhrp_register_conf reg = { .nhs_nbma = hub.nbma, .keep = true, .offer = &offer, .nets = c.nets, .n_nets = 1 };
	struct now now = { .ms = 1000, .epoch = 1 };

	must(nhrp_serve_open(&s, &hub, &conf) == 0);
	c = (struct nhrp_client){ .node = &spoke, .shortcut = true, .nets = { { { 4, { 10, 1, 0, 0 }, 0 }, 24 } }, .n_nets = 1,
	    .n_regs = 1, .idle_s = 30, .connect = true };
	nhrp_register_start(&c.reg[0], &spoke, &reg, now);
	while (size >= 4) {
		struct addr from = { 4, { 203, 0, 113, data[1] }, 0 }, to = { 4, { 203, 0, 113, data[3] }, 0 };
		uint8_t what = data[0] % 4, wait = data[2];
		size_t len;

		data += 4;
		size -= 4;
		len = size >= NHRP_FIXED ? get_be16(data + 10) : size;
		len = len > size ? size : len;
		len = len > sizeof(packet) ? sizeof(packet) : len;
		if (len > 0)
			memcpy(packet, data, len);
		if (len >= NHRP_FIXED)
			nhrp_checksum_put(packet, len);
		sent = 0;
		if (what == 0 || what == 1)
			receive(what == 0 ? &s : NULL, &c, &from, span_of(packet, len), now);
		else if (what == 2)
			samples(&s, &from, &to, span_of(packet, len), now);
		else
			nhrp_client_used(&c, &from, now);
		now.ms += wait * UINT64_C(100);
		now.epoch = now.ms / 1000;
		nhrp_serve_timeout(&s, now);
		nhrp_client_timeout(&c, now);
		must(s.cache.n <= 4 && c.n_cuts <= NHRP_CLIENT_CUTS);
		data += len;
		size -= len;
	}
	nhrp_client_stop(&c, now);
	nhrp_serve_stop(&s, now);
	must(s.cache.n == 0 && s.behind.n_lens[0] == 0 && s.behind.n_lens[1] == 0);
	nhrp_serve_close(&s);
	return (0);
}
