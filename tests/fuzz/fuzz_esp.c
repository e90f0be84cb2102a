/*
 * Hostile packets: inner ones from the device or a peer with the keys; ESP from the wire, both without and
 * with a valid ICV, in tunnel and in transport mode, and what a peer with the keys encrypts: inner packets outside of the
 * selectors, wrong padding, any next header; IP packets with AH likewise; sequence numbers in any order,
 * of which none may be accepted twice; and frames of a capture, opened and sealed offline.
 */

#include <pcap/pcap.h>

#include "capture/capture.h"
#include "esp/ah.h"
#include "esp/flow.h"
#include "esp/offline.h"
#include "must.h"

#define ROOM	8192

#define SPI_TUNNEL	0x11111111
#define SPI_TRANSPORT	0x22222222
#define SPI_AH		0x33333333
#define SPI_NARROW	0x44444444	/* tunnel mode, AES-CBC, selectors of a few networks */
#define SPI_GCM		0x55555555	/* likewise, AES-GCM */

static uint8_t buf[ESP_HEADROOM + ROOM + ESP_TAILROOM];
static struct sadb *db;
static struct esp_ctx *ctx;
static struct esp_key *peer;		/* seals what db opens */
static struct esp_xf seal_cbc, seal_gcm;	/* likewise, SPI_NARROW and SPI_GCM */
static struct offline *opens, *seals;	/* of the same SAs */

static int
fill(void *state, uint8_t *p, size_t n)
{
	(void)state;
	memset(p, 7, n);
	return (0);
}

/* An SA with narrow selectors, its sealing end ${xf}: tunnel mode, AES with ${enc}. */
static void
setup_narrow(struct esp_xf *xf, uint32_t spi, const char *enc, const char *integ, size_t enc_len)
{
	static const uint8_t at[2][4] = { { 192, 0, 2, 7 }, { 192, 0, 2, 8 } }, zero[32];
	static const struct rand rand = { fill, NULL };
	struct sa_child s = { .use = SA_USE_BOTH, .mode = SA_TUNNEL, .protocol = SA_ESP, .encap = SA_ENCAP_UDP,
	    .n_local_ts = 2, .n_remote_ts = 2, .lifetime.expires = UINT64_MAX };
	struct esp_suite suite = { .enc = alg_enc_name(enc, 128) };
	bool old;

	suite.integ = integ != NULL ? alg_integ_name(integ) : NULL;
	(void)strcpy(s.encryption, enc);
	(void)strcpy(s.integrity, integ != NULL ? integ : "");
	s.key_bits = 128;
	put_be32(s.spi_in, spi);
	put_be32(s.spi_out, spi);
	s.local.at.addr = addr_make(4, at[0]);
	s.remote.at.addr = addr_make(4, at[1]);
	must(secret_make(&s.enc_in, enc_len) != NULL && secret_make(&s.enc_out, enc_len) != NULL);
	if (integ != NULL)
		must(secret_make(&s.auth_in, 20) != NULL && secret_make(&s.auth_out, 20) != NULL);
	must(selector_parse(&s.local_ts[0], "10.1.0.0/24") == 0 && selector_parse(&s.local_ts[1], "2001:db8:1::/64") == 0 &&
	    selector_parse(&s.remote_ts[0], "10.2.0.0/24") == 0 && selector_parse(&s.remote_ts[1], "2001:db8:2::/64") == 0);
	must(sadb_add(db, &s, 1, (struct now){0}, &old, NULL) != NULL && esp_xf_init(xf, esp_backends, &suite,
	    span_of(zero, enc_len), span_of(zero, integ != NULL ? 20 : 0), true, &rand, NULL) == 0);
}

static void
setup(void)
{
	static const char *nets[2] = { "0.0.0.0/0", "::/0" };
	struct sadb_config c = { .sa = { .backends = esp_backends, .rand = { fill, NULL } },
	    .mss_mode = SADB_MSS_FIXED, .mss = 536 };
	struct offline_conf o = { .sa = { .backends = esp_backends, .rand = { fill, NULL } } };
	struct sa_child s = { .use = SA_USE_BOTH, .n_local_ts = 2, .n_remote_ts = 2,
	    .lifetime.expires = UINT64_MAX };
	struct esp_suite suite = { alg_enc_name("null", 0), alg_integ_name("hmac-md5-96"), false };
	uint8_t key[16] = {0};
	bool old;

	(void)secret_init();
	must((db = sadb_new(&c, NULL)) != NULL && (ctx = esp_ctx_new(esp_backends, &rand_system, NULL)) != NULL);
	(void)strcpy(s.encryption, "null");
	(void)strcpy(s.integrity, "hmac-md5-96");
	must(secret_make(&s.auth_in, 16) != NULL && secret_make(&s.auth_out, 16) != NULL);
	for (int i = 0; i < 2; i++)
		must(selector_parse(&s.local_ts[i], nets[i]) == 0 &&
		    selector_parse(&s.remote_ts[i], nets[i]) == 0);
	must((opens = offline_new(&o, NULL)) != NULL);
	o.seal = true;
	must((seals = offline_new(&o, NULL)) != NULL);
	for (int i = 0; i < 3; i++) {
		put_be32(s.spi_in, i == 0 ? SPI_TUNNEL : i == 1 ? SPI_TRANSPORT : SPI_AH);
		s.mode = i == 0 ? SA_TUNNEL : SA_TRANSPORT;
		s.encap = i == 1 ? SA_ENCAP_UDP : SA_ENCAP_NONE;
		s.protocol = i == 2 ? SA_AH : SA_ESP;
		must(sadb_add(db, &s, 1, (struct now){0}, &old, NULL) != NULL);
		sadb_at(db, (size_t)i)->out.mtu = 1400;
		must(offline_add(opens, &s, NULL) == 0 && offline_add(seals, &s, NULL) == 0);
	}
	peer = esp_backend_ossl.key_new(&suite, SPAN_NONE, SPAN_ARRAY(key), true, NULL);
	must(peer != NULL);
	setup_narrow(&seal_cbc, SPI_NARROW, "aes-cbc", "hmac-sha1-96", 16);
	setup_narrow(&seal_gcm, SPI_GCM, "aes-gcm-16", NULL, 20);
}

/*
 * What a peer with the keys may encrypt. The first byte chooses the SA, whether padding and next header are put
 * right, and whether the addresses of an IPv4 packet are; the rest is the plaintext.
 */
static void
try_sealed(const uint8_t *p, size_t len)
{
	static uint32_t seq;
	static const uint8_t nets[2][4] = { { 10, 2, 0, 1 }, { 10, 1, 0, 1 } }, from[4] = { 192, 0, 2, 8 },
	    to[4] = { 192, 0, 2, 7 };
	bool gcm = len > 0 && (p[0] & 1) != 0;
	struct esp_xf *xf = gcm ? &seal_gcm : &seal_cbc;
	size_t head = esp_xf_head(xf), body = len > 1 ? len - 1 : 0, pad;
	uint8_t *in = buf + head;
	struct pkt k = { .p = buf, .buf = buf, .cap = sizeof(buf), .proto = 17 };
	struct esp_job j = { .key = xf->key, .p = buf };

	if (body < 2 || body > ROOM - 64)
		return;
	memcpy(in, p + 1, body);
	if ((p[0] & 2) != 0 && body >= 20) {
		in[0] = 0x45;
		put_be16(in + 2, (uint16_t)body);
		memcpy(in + 12, nets[0], 4);
		memcpy(in + 16, nets[1], 4);
	}
	if ((p[0] & 4) != 0) {
		pad = (xf->align - (body + 2) % xf->align) % xf->align;
		for (size_t i = 0; i < pad; i++)
			in[body + i] = (uint8_t)(i + 1);
		body += pad + 2;
		in[body - 2] = (uint8_t)pad;
		in[body - 1] = (p[0] & 8) != 0 ? 59 : (in[0] >> 4) == 6 ? 41 : 4;
	} else
		body -= body % xf->align;
	if (body == 0)
		return;
	put_be32(buf, gcm ? SPI_GCM : SPI_NARROW);
	put_be32(buf + 4, ++seq);
	j.len = k.len = head + body + xf->icv_len;
	must(esp_xf_iv(ctx, xf, buf + ESP_HDR) == 0);
	xf->be->seal(esp_ctx_of(ctx, xf->be), &j, 1);
	must(j.ok);
	k.remote.addr = addr_make(4, from);
	k.local.addr = addr_make(4, to);
	flow_in(db, ctx, &k, 1);
	must(k.verdict == ESP_OK || k.verdict == ESP_BAD_PADDING || k.verdict == ESP_DUMMY ||
	    k.verdict == ESP_SHORT || k.verdict == ESP_POLICY || k.verdict == ESP_CONGESTED);
	if (k.verdict == ESP_OK)
		must(k.p >= k.buf && k.p + k.inner_len <= k.buf + k.cap);
	/* Nothing leaves that the selectors exclude. */
	if (k.verdict == ESP_OK && (k.p[0] >> 4) == 4)
		must(memcmp(k.p + 12, nets[0], 3) == 0 && memcmp(k.p + 16, nets[1], 3) == 0);
}

static void
try_inner(const uint8_t *p, size_t len)
{
	uint8_t *in = buf + ESP_HEADROOM, icmp[TOOBIG_MAX];
	struct pkt k = { .p = in, .len = len, .buf = buf, .cap = sizeof(buf) };
	struct inner h, again;
	size_t n;

	memcpy(in, p, len);
	if (inner_parse(&h, in, len) == 0) {
		must(h.len <= len && h.l4 <= h.len && h.src.family == h.dst.family);
		n = inner_toobig(icmp, in, &h, 1400);
		must(n <= sizeof(icmp) && (n == 0 || inner_parse(&again, icmp, n) == 0));
		(void)inner_ecn_exit(in, &h, 3);
		(void)inner_mss_clamp(in, &h, 1000);
		must(inner_parse(&again, in, len) == 0 && again.len == h.len && again.l4 == h.l4);
	}
	flow_out(db, ctx, &k, 1);
	if (k.verdict == ESP_OK)
		must(k.p - k.net >= buf && k.p + k.len <= buf + sizeof(buf));
}

static void
try_wire(const uint8_t *p, size_t len, bool authentic)
{
	static uint32_t seq;
	static const uint8_t at[4] = { 192, 0, 2, 1 };
	bool transport = len > 0 && (p[0] & 1) != 0;
	struct pkt k = { .p = buf, .len = len, .tos = 3, .proto = 17 };
	struct esp_job j = { .key = peer, .p = buf, .len = len };

	if (authentic && len >= 8 + 12) {
		memcpy(buf, p, len - 12);
		put_be32(buf, transport ? SPI_TRANSPORT : SPI_TUNNEL);
		put_be32(buf + 4, ++seq);
		esp_backend_ossl.seal(esp_ctx_of(ctx, &esp_backend_ossl), &j, 1);
	} else
		memcpy(buf, p, len);
	k.remote.addr = addr_make(4, at);
	if (transport)
		k.local.addr = k.remote.addr;
	flow_in(db, ctx, &k, 1);
	if (authentic && len >= 20)
		must(k.verdict != ESP_BAD_ICV && k.verdict != ESP_REPLAY);
	if (k.verdict == ESP_OK)
		must(k.p >= k.buf && k.p + k.inner_len <= k.buf + k.cap);
}

/* An IP packet with AH: what is signed here is found good, and not when the last byte of its ICV changes. */
static void
try_ah(const uint8_t *p, size_t len)
{
	const struct esp_suite suite = { alg_enc_name("null", 0), alg_integ_name("hmac-md5-96"), false };
	static struct esp_xf xf;
	static uint8_t packet[ROOM];
	static const uint8_t key[16];
	static uint32_t seq;
	struct ah_at at;
	struct pkt k;

	if (xf.be == NULL)
		must(esp_xf_init(&xf, esp_backends, &suite, SPAN_NONE, SPAN_ARRAY(key), true, &rand_system,
		    NULL) == 0);
	memcpy(packet, p, len);
	if (ah_find(&at, span_of(packet, len)) != 0)
		return;
	must(at.end <= len && at.off <= at.end && at.prev < at.off && at.len <= at.end - at.off);
	if (at.len == 0)
		return;
	(void)ah_check(ctx, &xf, span_of(packet, len), &at, 0);
	put_be32(packet + at.off + 4, SPI_AH);
	put_be32(packet + at.off + 8, ++seq);
	if (ah_sign(ctx, &xf, packet, &at, 0) != ESP_OK)
		return;
	must(ah_check(ctx, &xf, span_of(packet, len), &at, 0) == ESP_OK);
	packet[at.off + AH_HDR + 11] ^= 1;
	must(ah_check(ctx, &xf, span_of(packet, len), &at, 0) == ESP_BAD_ICV);
	packet[at.off + AH_HDR + 11] ^= 1;
	k = (struct pkt){ .p = packet + at.off, .len = len - at.off, .buf = packet, .cap = len, .net = at.off,
	    .proto = 51 };
	flow_in(db, ctx, &k, 1);
	must(k.seen && k.verdict != ESP_BAD_ICV && k.verdict != ESP_REPLAY);
	if (k.verdict == ESP_OK)
		must(k.p >= packet && k.p + k.inner_len <= packet + len);
}

/* A frame of a capture: what is found in it is opened, or sealed. */
static void
try_capture(const uint8_t *p, size_t len)
{
	const struct esp_sa *sa;
	struct capture *c = capture_of_frames(DLT_RAW, NULL);
	struct capture_packet k;
	struct span got;
	bool ah, whole;

	must(c != NULL);
	capture_frame(c, span_of(p, len), len, 1, &k);
	if (k.what == CAPTURE_ESP || k.what == CAPTURE_AH) {
		ah = k.what == CAPTURE_AH;
		if (offline_open(opens, ah ? AH_PROTO : 50, k.ip, &k.dst.addr, k.data, &got, &sa) == ESP_OK)
			must(sa != NULL && got.len > 0 && got.len <= ROOM);
		else
			must(got.len == 0);
		if (!ah)
			(void)offline_icv96(opens, &k.dst.addr, k.data);
	}
	if (k.ip.len > 0 && offline_seal(seals, k.ip, &got, &whole, &sa) == ESP_OK)
		must(sa != NULL && got.len > 8);
	capture_close(c);
}

/* Bytes as steps of the sequence number; what was taken is remembered. */
static void
try_replay(const uint8_t *p, size_t len)
{
	static uint8_t seen[1 << 20];
	uint64_t base = len > 2 && (p[0] & 1) != 0 ? (UINT64_C(1) << 32) - 3000 : 0, at = base + 1, got;
	struct replay r;
	bool took;

	if (len < 3)
		return;
	memset(seen, 0, sizeof(seen));
	replay_init(&r, 1u << (p[1] % 13), (p[0] & 1) != 0);
	if (base != 0)
		replay_leap(&r, base);
	for (size_t i = 2; i + 1 < len && at - base < sizeof(seen) - 300; i += 2) {
		at = (p[i] & 0x80) != 0 ? r.right + p[i + 1] :
		    r.right - ((uint64_t)(p[i] & 15) << 8 | p[i + 1]);
		if (at <= base || at > base + sizeof(seen) - 300)
			at = base + 1;
		took = replay_test(&r, (uint32_t)at, &got) && got == at && replay_move(&r, at);
		must(!took || r.window == 0 || !seen[at - base]);
		if (took)
			seen[at - base] = 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (db == NULL)
		setup();
	if (len < 1 || len > ROOM)
		return (0);
	switch (p[0] % 7) {
	case 0:
		try_inner(p + 1, len - 1);
		break;
	case 1:
	case 2:
		try_wire(p + 1, len - 1, p[0] % 7 == 1);
		break;
	case 3:
		try_replay(p + 1, len - 1);
		break;
	case 4:
		try_ah(p + 1, len - 1);
		break;
	case 5:
		try_capture(p + 1, len - 1);
		break;
	case 6:
		try_sealed(p + 1, len - 1);
	}
	return (0);
}
