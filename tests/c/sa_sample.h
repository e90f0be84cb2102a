/* SA records for tests: each kind with every key it can have, and with none it need not. */
#ifndef TESTS_SA_SAMPLE_H
#define TESTS_SA_SAMPLE_H

#include <assert.h>

#include "sa/record.h"

static inline void
sample_secret(struct secret *s, size_t len, uint8_t first)
{
	uint8_t *p = secret_make(s, len);
	size_t i;

	assert(p != NULL);
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(first + i);
}

static inline void
sample_end(struct sa_end *e, const char *addr, uint16_t port, const char *id)
{
	assert(addr_parse(&e->at.addr, addr) == 0);
	e->at.port = port;
	if (id != NULL)
		assert(id_parse(&e->id, id, NULL) == 0);
}

static inline void
sample_ike(struct sa_rec *r, bool full)
{
	struct sa_ike *s = &r->ike;

	memset(r, 0, sizeof(*r));
	r->type = SA_IKE;
	memcpy(s->spi_i, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	memcpy(s->spi_r, "\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8", 8);
	s->role = SA_RESPONDER;
	strcpy(s->auth, "psk");
	sample_end(&s->local, "192.0.2.1", 500, full ? "gw.example" : NULL);
	sample_end(&s->remote, full ? "2001:db8::2" : "192.0.2.2", 4500,
	    full ? "C=CH, O=Example, CN=left" : NULL);
	strcpy(s->natt.version, "none");
	s->established = 1700000000;
	s->lifetime.seconds = 28800;
	s->lifetime.expires = 1700028800;
	s->exchange = SA_AGGRESSIVE;
	strcpy(s->encryption, "3des-cbc");
	strcpy(s->hash, "sha1");
	strcpy(s->group, "modp1024");
	sample_secret(&s->skeyid_d, 20, 0x20);
	sample_secret(&s->skeyid_a, 20, 0x40);
	sample_secret(&s->cipher, 24, 0x60);
	s->iv_len = 8;
	memset(s->iv, 0x77, 8);
	if (!full)
		return;
	strcpy(s->name, "site \xc3\xa9");
	s->natt = (struct sa_natt){ "rfc3947", SA_MARKER_NON_ESP, true, true, true, true };
	s->lifetime.kilobytes = 4096;
	strcpy(s->encryption, "aes-cbc");
	s->key_bits = 256;
	sample_secret(&s->skeyid, 20, 0x10);
	sample_secret(&s->skeyid_e, 20, 0x50);
	s->has_dpd_seq = true;
	s->dpd_seq = 0;
	s->n_vids = 2;
	s->vids[0].len = 16;
	memset(s->vids[0].b, 0xaf, 16);
	s->vids[1].len = SA_VID_MAX;
	memset(s->vids[1].b, 0x4a, SA_VID_MAX);
	s->dpd = true;
	strcpy(s->implementation, "strongSwan");
	s->has_config = true;
	strcpy(s->address, "10.9.0.7");
	strcpy(s->netmask, "255.255.255.255");
	strcpy(s->domain, "corp.example");
	strcpy(s->banner, "Welcome\nto the machine");
	s->n_dns = 2;
	strcpy(s->dns[0], "10.9.0.1");
	strcpy(s->dns[1], "10.9.0.2");
	s->n_nbns = 1;
	strcpy(s->nbns[0], "10.9.0.3");
	s->n_split = 1;
	strcpy(s->split[0], "10.0.0.0/8");
	strcpy(s->xauth_user, "alice");
	strcpy(s->xauth_status, "ok");
}

static inline void
sample_child(struct sa_rec *r, bool full)
{
	struct sa_child *s = &r->child;

	memset(r, 0, sizeof(*r));
	r->type = SA_CHILD;
	memcpy(s->ike, "\x01\x02\x03\x04\x05\x06\x07\x08\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8", 16);
	s->use = SA_USE_BOTH;
	memcpy(s->spi_in, "\xc0\x00\x00\x01", 4);
	memcpy(s->spi_out, "\x00\x00\x01\x00", 4);
	sample_end(&s->local, "192.0.2.1", 4500, full ? "left@example" : NULL);
	sample_end(&s->remote, "192.0.2.2", 500, full ? "keyid:00ff10" : NULL);
	s->established = 1700000001;
	s->lifetime.seconds = 3600;
	s->lifetime.expires = 1700003601;
	s->n_local_ts = s->n_remote_ts = 1;
	assert(selector_parse(&s->local_ts[0], "10.1.0.0/24") == 0);
	assert(selector_parse(&s->remote_ts[0], "10.2.0.0/24") == 0);
	sample_secret(&s->enc_in, 20, 0x10);
	sample_secret(&s->enc_out, 20, 0x30);
	strcpy(s->encryption, "aes-gcm-16");
	s->key_bits = 128;
	if (!full)
		return;
	strcpy(s->name, "tunnel");
	s->initiator = true;
	s->use = SA_USE_IN;
	memcpy(s->replaces, "\xc0\x00\x00\x00", 4);
	s->protocol = SA_AH;
	s->mode = SA_TRANSPORT;
	s->encap = SA_ENCAP_TCP;
	s->has_nat_oa = true;
	assert(addr_parse(&s->nat_oa_local, "10.0.0.5") == 0);
	assert(addr_parse(&s->nat_oa_remote, "198.51.100.9") == 0);
	strcpy(s->integrity, "hmac-sha2-256-128");
	strcpy(s->group, "modp2048");
	s->esn = true;
	sample_secret(&s->auth_in, 32, 0x80);
	sample_secret(&s->auth_out, 32, 0xa0);
	s->n_remote_ts = 3;
	assert(selector_parse(&s->remote_ts[1], "2001:db8::5-2001:db8::9") == 0);
	assert(selector_parse(&s->remote_ts[2], "10.3.0.1/32") == 0);
	s->local_ts[0].proto = 6;
	s->local_ts[0].port = s->local_ts[0].port_end = 443;
	s->remote_ts[1].proto = 17;
	s->remote_ts[1].port = 1000;
	s->remote_ts[1].port_end = 65535;
	s->lifetime.kilobytes = UINT32_MAX + (uint64_t)1;
	s->has_replay = true;
	s->replay = 0;
}

static inline void
sample_delete(struct sa_rec *r, bool full)
{
	struct sa_del *s = &r->del;

	memset(r, 0, sizeof(*r));
	r->type = SA_DELETE;
	if (!full)
		return;
	s->has_ike = s->has_protocol = s->has_spi_in = s->has_spi_out = true;
	memset(s->ike, 0x11, 16);
	s->protocol = SA_AH;
	memcpy(s->spi_in, "\x00\x00\x00\x17", 4);
	memcpy(s->spi_out, "\xff\xff\xff\xff", 4);
	strcpy(s->reason_other, "rekeyed");
}

static inline void
sample_event(struct sa_rec *r, bool full)
{
	struct sa_event *s = &r->event;

	memset(r, 0, sizeof(*r));
	r->type = SA_EVENT;
	s->time = 1700000002;
	strcpy(s->source, "esp-tun");
	s->what = SA_EVENT_REMAP;
	if (!full)
		return;
	s->has_spi_in = s->has_remote = true;
	memcpy(s->spi_in, "\xc0\x00\x00\x01", 4);
	assert(addr_parse(&s->remote.addr, "203.0.113.9") == 0);
	s->remote.port = 33333;
	strcpy(s->text, "NAT mapping moved");
	s->kilobytes = 5000;
	s->has_count = true;
	s->bytes_in = UINT32_MAX + (uint64_t)7;
	s->packets_in = 23;
	s->packets_out = 1;
}

static inline void
sample_count(struct sa_count *c, uint64_t packets, size_t drops)
{
	c->packets = packets;
	c->bytes = 84 * packets;
	for (c->n_drops = 0; c->n_drops < drops; c->n_drops++) {
		strcpy(c->drops[c->n_drops].reason, c->n_drops == 0 ? "replay" : "bad-icv");
		c->drops[c->n_drops].packets = 1 + c->n_drops;
	}
}

static inline void
sample_stat(struct sa_rec *r, bool full)
{
	struct sa_stat *s = &r->stat;

	memset(r, 0, sizeof(*r));
	r->type = SA_STAT;
	memcpy(s->spi_in, "\xc0\x00\x00\x01", 4);
	memcpy(s->spi_out, "\xc0\x00\x00\x02", 4);
	assert(addr_parse(&s->local.addr, "192.0.2.1") == 0 && addr_parse(&s->remote.addr, "2001:db8::2") == 0);
	s->established = 1700000000;
	s->expires = 1700003600;
	s->n_local_ts = s->n_remote_ts = 1;
	assert(selector_parse(&s->local_ts[0], "10.1.0.0/24") == 0 && selector_parse(&s->remote_ts[0], "0.0.0.0/0") == 0);
	if (!full)
		return;
	s->use = SA_USE_BOTH;
	s->encap = SA_ENCAP_UDP;
	s->remote.port = 4500;
	s->mtu = 1398;
	s->path_mtu = 1460;
	strcpy(s->name, "branch");
	s->n_remote_ts = 2;
	assert(selector_parse(&s->remote_ts[1], "10.2.0.0/24") == 0);
	sample_count(&s->in, UINT64_MAX / 84, 2);
	sample_count(&s->out, 7, 0);
	s->in.last = 1700000001;
}

static inline void
sample_tun_stat(struct sa_rec *r, bool full)
{
	struct sa_tun_stat *s = &r->tun_stat;

	memset(r, 0, sizeof(*r));
	r->type = SA_TUN_STAT;
	s->time = 1700000005;
	s->since = 1700000001;
	s->mtu = 1400;
	strcpy(s->tun, "vpn0");
	if (!full)
		return;
	s->sas = 3;
	s->ever = 4;
	s->remaps = s->cut = s->unsent = s->unwritten = 5;
	s->has_bindings = true;
	s->bindings = 2;
	s->fragmented = 6;
	s->believed = 7;
	s->forged = 8;
	sample_count(&s->in, 8, 0);
	sample_count(&s->out, 9, 1);
}

static inline void
sample_binding(struct sa_rec *r, bool full)
{
	struct sa_nhrp_binding *b = &r->binding;

	memset(r, 0, sizeof(*r));
	r->type = SA_NHRP_BINDING;
	assert(addr_parse(&b->proto, "10.2.0.0") == 0);
	b->prefix = 24;
	b->kind = NHRP_KIND_NEGATIVE;
	b->holding = 60;
	b->expires = 1700000060;
	if (!full)
		return;
	b->kind = NHRP_KIND_SHORTCUT;
	b->mtu = 1400;
	strcpy(b->source, "nhrp-register");
	strcpy(b->tun, "gre1");
	assert(addr_parse(&b->nbma, "192.0.2.12") == 0 && addr_parse(&b->nat_nbma, "203.0.113.1") == 0);
	assert(addr_parse(&b->via, "10.255.255.2") == 0 && addr_parse(&b->nhs, "10.255.255.254") == 0);
	b->flags.unique = b->flags.router = b->flags.authoritative = b->flags.nat = b->flags.used = true;
}

static inline void
sample_next_hop(struct sa_rec *r, bool full)
{
	struct sa_next_hop *h = &r->next_hop;

	memset(r, 0, sizeof(*r));
	r->type = SA_NEXT_HOP;
	assert(addr_parse(&h->hop, "10.255.0.2") == 0);
	h->flag = SA_HOP_STATIC;
	h->state = SA_HOP_DOWN;
	if (!full)
		return;
	h->flag = SA_HOP_AUTOMATIC;
	h->state = SA_HOP_UP;
	strcpy(h->name, "berne");
	h->has_sa = h->has_remote = true;
	h->spi_in[0] = 0x12;
	h->spi_out[3] = 0x34;
	assert(addr_parse(&h->remote.addr, "203.0.113.2") == 0);
	h->remote.port = 4500;
}

static inline void
sample_nhrp_event(struct sa_rec *r, bool full)
{
	struct sa_nhrp_event *e = &r->nhrp_event;

	memset(r, 0, sizeof(*r));
	r->type = SA_NHRP_EVENT;
	e->time = 1700000003;
	strcpy(e->source, "nhrp-serve");
	strcpy(e->what, "refused");
	if (!full)
		return;
	strcpy(e->tun, "gre1");
	strcpy(e->text, "no resources");
	assert(addr_parse(&e->proto, "10.255.255.2") == 0 && addr_parse(&e->remote, "2001:db8::2") == 0);
	assert(addr_parse(&e->nhs, "10.255.255.254") == 0);
	e->prefix = 32;
	e->has_code = true;
	e->code = 5;
}

static inline void
sample_rec(struct sa_rec *r, enum sa_type type, bool full)
{
	switch (type) {
	case SA_IKE:
		sample_ike(r, full);
		break;
	case SA_CHILD:
		sample_child(r, full);
		break;
	case SA_DELETE:
		sample_delete(r, full);
		break;
	case SA_STAT:
		sample_stat(r, full);
		break;
	case SA_TUN_STAT:
		sample_tun_stat(r, full);
		break;
	case SA_NHRP_BINDING:
		sample_binding(r, full);
		break;
	case SA_NHRP_EVENT:
		sample_nhrp_event(r, full);
		break;
	case SA_NEXT_HOP:
		sample_next_hop(r, full);
		break;
	default:
		sample_event(r, full);
		break;
	}
}

#endif
