/* Payloads of IKEv1 as text; SA payloads are in payload_text_sa.c. */
#include "trace/payload_text.h"

#include <stdio.h>

#include "ike/heartbeat.h"
#include "ike/v1base/natd.h"
#include "ike/v1base/sa_payload.h"
#include "trace/payload_text_cert.h"
#include "wire/config.h"
#include "wire/id.h"
#include "wire/rd.h"
#include "wire/vid.h"

#define HEX_SHOWN	48	/* bytes of an unknown value */
#define TEXT_LEAST	5	/* bytes of a text; four may be an SPI */
#define TEXT_SHOWN	512	/* bytes of a text from the peer */
#define DRAFT_NAT_D	15
#define DRAFT_NAT_OA	16

/* --- pieces --- */

static void
put_hex(struct sa_text *t, struct span v)
{
	size_t i;

	for (i = 0; i < v.len && i < HEX_SHOWN; i++)
		sa_text_add(t, "%02x", v.p[i]);
	if (i < v.len)
		sa_text_add(t, "... (%zu bytes)", v.len);
}

/* A text from the peer: everything except printable ASCII is escaped. */
static void
put_text(struct sa_text *t, struct span v)
{
	size_t i;

	for (i = 0; i < v.len && i < TEXT_SHOWN; i++)
		if (v.p[i] >= 0x20 && v.p[i] < 0x7f && v.p[i] != '\\')
			sa_text_add(t, "%c", v.p[i]);
		else
			sa_text_add(t, "\\x%02x", v.p[i]);
	if (i < v.len)
		sa_text_add(t, "... (%zu bytes)", v.len);
}

/* Whether ${v} is text and no number: printable, with line ends and tabs, of some length. */
static bool
is_text(struct span v)
{
	size_t i;

	for (i = 0; i < v.len; i++)
		if ((v.p[i] < 0x20 || v.p[i] > 0x7e) && v.p[i] != '\n' && v.p[i] != '\r' && v.p[i] != '\t' &&
		    !(v.p[i] == '\0' && i + 1 == v.len))
			return (false);
	return (v.len >= TEXT_LEAST);
}

static void
put_addr(struct sa_text *t, struct span v)
{
	struct addr a;
	char text[ADDR_TEXT];

	if (v.len != 4 && v.len != 16) {
		put_hex(t, v);
		return;
	}
	a = addr_make(v.len == 4 ? 4 : 6, v.p);
	sa_text_add(t, "%s", addr_text(text, &a));
}

/* --- notifies --- */

static const struct { uint16_t type; const char *means; } meanings[] = {
	{ NOTIFY_INVALID_COOKIE, "the peer does not know these cookies: it has lost or deleted the IKE SA" },
	{ NOTIFY_INVALID_EXCHANGE_TYPE, "the peer does not do this mode" },
	{ NOTIFY_INVALID_MAJOR_VERSION, "the peer speaks another version of IKE" },
	{ NOTIFY_INVALID_SPI, "the peer does not know this SPI: it has lost or deleted the SA" },
	{ NOTIFY_NO_PROPOSAL_CHOSEN, "no proposal is acceptable to the peer: compare them, and in phase 2 the group (PFS)" },
	{ NOTIFY_ATTRIBUTES_NOT_SUPPORTED, "the peer does not know an attribute of the proposals" },
	{ NOTIFY_PAYLOAD_MALFORMED, "unreadable to the peer: at an encrypted message of phase 1 usually another pre-shared key" },
	{ NOTIFY_UNEQUAL_PAYLOAD_LENGTHS, "unreadable to the peer: usually another pre-shared key" },
	{ NOTIFY_INVALID_PAYLOAD_TYPE, "unreadable to the peer: usually another pre-shared key" },
	{ NOTIFY_INVALID_KEY_INFORMATION, "the group of the key exchange is not the one expected" },
	{ NOTIFY_INVALID_ID_INFORMATION, "the peer expects another identity, or in phase 2 other networks (proxy IDs)" },
	{ NOTIFY_INVALID_CERTIFICATE, "the certificate is not accepted" },
	{ NOTIFY_INVALID_CERT_AUTHORITY, "the peer does not trust the certificate's authority" },
	{ NOTIFY_INVALID_HASH_INFORMATION, "the proof is wrong: another pre-shared key, or identity" },
	{ NOTIFY_AUTHENTICATION_FAILED, "the proof is wrong: another pre-shared key, password or certificate" },
	{ NOTIFY_INVALID_SIGNATURE, "the signature is wrong" },
	{ NOTIFY_UNSUPPORTED_EXCHANGE_TYPE, "the peer does not do this mode" },
	{ NOTIFY_CONNECTED, "the SA is ready" },
	{ NOTIFY_RESPONDER_LIFETIME, "the responder's lifetime is shorter than the one agreed on" },
	{ NOTIFY_REPLAY_STATUS, "whether the sender checks for replays" },
	{ NOTIFY_INITIAL_CONTACT, "the sender has no other SA with the peer: older ones are void" },
	{ NOTIFY_HEARTBEAT, "a hello of ours: alive" },
	{ NOTIFY_R_U_THERE, "are you alive?" },
	{ NOTIFY_R_U_THERE_ACK, "yes, alive" },
};

const char *
v1_notify_means(uint16_t type)
{
	size_t i;

	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].type == type)
			return (meanings[i].means);
	return (NULL);
}

static void
notify_words(struct sa_text *t, struct span body)
{
	struct isakmp_attrs attrs;
	struct isakmp_notify n;
	struct fault f;
	const char *means;
	char name[NUM_TEXT];
	uint64_t type = 0;
	size_t i;

	if (isakmp_notify_get(&n, body, &f) != 0) {
		sa_text_add(t, "unreadable: %s\n", f.what);
		return;
	}
	sa_text_add(t, "%s", isakmp_notify_name(n.type, name));
	if (n.proto != 0 && n.proto != PROTO_ISAKMP) {
		sa_text_add(t, " %s ", isakmp_proto_name(n.proto, name));
		put_hex(t, n.spi);
	}
	switch (n.type) {
	case NOTIFY_R_U_THERE: case NOTIFY_R_U_THERE_ACK:
		if (n.data.len == 4)
			sa_text_add(t, " %u", get_be32(n.data.p));
		break;
	case NOTIFY_HEARTBEAT:
		if (n.data.len == HELLO_LEN)
			sa_text_add(t, " %u, next in %u ms, heard %u", get_be32(n.data.p),
			    get_be32(n.data.p + 4), get_be32(n.data.p + 8));
		break;
	case NOTIFY_RESPONDER_LIFETIME:
		if (isakmp_attrs_get(&attrs, n.data, NULL) != 0)
			break;
		for (i = 0; i < attrs.n; i++)
			if (attrs.a[i].type == IPSEC_ATTR_LIFE_TYPE)
				type = attrs.a[i].value;
			else if (attrs.a[i].type == IPSEC_ATTR_LIFE_DURATION)
				sa_text_add(t, " %llu %s", (unsigned long long)attrs.a[i].value,
				    type == LIFE_TYPE_KILOBYTES ? "kB" : "s");
		break;
	default:
		if (is_text(n.data)) {
			sa_text_add(t, ", \"");
			put_text(t, n.data);
			sa_text_add(t, "\"");
		} else if (n.data.len > 0) {
			sa_text_add(t, ", data ");
			put_hex(t, n.data);
		}
	}
	sa_text_add(t, "\n");
	if ((means = v1_notify_means(n.type)) != NULL)
		sa_text_add(t, "(%s)\n", means);
}

static void
delete_words(struct sa_text *t, struct span body)
{
	struct isakmp_delete d;
	struct fault f;
	char name[NUM_TEXT];
	size_t i;

	if (isakmp_delete_get(&d, body, &f) != 0) {
		sa_text_add(t, "unreadable: %s\n", f.what);
		return;
	}
	for (i = 0; i < d.n && i < V1_WORDS_ROWS - 1; i++) {
		sa_text_add(t, "%s ", isakmp_proto_name(d.proto, name));
		put_hex(t, span_of(d.spis.p + i * d.spi_len, d.spi_len));
		sa_text_add(t, "\n");
	}
	if (i < d.n)
		sa_text_add(t, "and %zu more\n", d.n - i);
	if (d.n == 0)
		sa_text_add(t, "nothing\n");
}

/* --- mode config and XAuth: draft-dukes-ike-mode-cfg, draft-beaulieu-ike-xauth, Cisco's Unity --- */

enum value_kind {
	VALUE_NUM, VALUE_ADDR, VALUE_TEXT, VALUE_SECRET, VALUE_NET, VALUE_HEX, VALUE_STATUS,
};

/* The kinds of values; that of the others is VALUE_HEX. */
static const struct { uint16_t type; enum value_kind kind; } config_attrs[] = {
	{ CONFIG_IP4_ADDRESS, VALUE_ADDR }, { CONFIG_IP4_NETMASK, VALUE_ADDR }, { CONFIG_IP4_DNS, VALUE_ADDR },
	{ CONFIG_IP4_NBNS, VALUE_ADDR }, { CONFIG_ADDRESS_EXPIRY, VALUE_NUM }, { CONFIG_IP4_DHCP, VALUE_ADDR },
	{ CONFIG_APPLICATION_VERSION, VALUE_TEXT }, { CONFIG_IP6_ADDRESS, VALUE_ADDR }, { CONFIG_IP6_NETMASK, VALUE_ADDR },
	{ CONFIG_IP6_DNS, VALUE_ADDR }, { CONFIG_IP6_NBNS, VALUE_ADDR }, { CONFIG_IP6_DHCP, VALUE_ADDR },
	{ CONFIG_IP4_SUBNET, VALUE_NET }, { CONFIG_XAUTH_TYPE, VALUE_NUM }, { CONFIG_XAUTH_USER, VALUE_TEXT },
	{ CONFIG_XAUTH_PASSWORD, VALUE_SECRET }, { CONFIG_XAUTH_PASSCODE, VALUE_SECRET },
	{ CONFIG_XAUTH_MESSAGE, VALUE_TEXT }, { CONFIG_XAUTH_DOMAIN, VALUE_TEXT }, { CONFIG_XAUTH_STATUS, VALUE_STATUS },
	{ CONFIG_XAUTH_NEXT_PIN, VALUE_SECRET }, { CONFIG_XAUTH_ANSWER, VALUE_SECRET },
	{ CONFIG_UNITY_BANNER, VALUE_TEXT }, { CONFIG_UNITY_SAVE_PASSWD, VALUE_NUM },
	{ CONFIG_UNITY_DEF_DOMAIN, VALUE_TEXT }, { CONFIG_UNITY_SPLITDNS, VALUE_TEXT },
	{ CONFIG_UNITY_SPLIT_INCLUDE, VALUE_NET }, { CONFIG_UNITY_NATT_PORT, VALUE_NUM },
	{ CONFIG_UNITY_LOCAL_LAN, VALUE_NET }, { CONFIG_UNITY_PFS, VALUE_NUM },
	{ CONFIG_UNITY_BACKUP_SERVERS, VALUE_TEXT }, { CONFIG_UNITY_DDNS_HOSTNAME, VALUE_TEXT },
};
#define CONFIG_HDR	4	/* type, reserved, identifier */
#define CONFIG_ATTRS	(sizeof(config_attrs) / sizeof(config_attrs[0]))

/* The kind of the values of an attribute. */
static enum value_kind
kind_of(uint16_t type)
{
	size_t i;

	for (i = 0; i < CONFIG_ATTRS; i++)
		if (config_attrs[i].type == type)
			return (config_attrs[i].kind);
	return (VALUE_HEX);
}

bool
v1_payload_secret(const struct isakmp_payload *pl)
{
	struct isakmp_attrs attrs;
	size_t i;

	if (pl->type != PAYLOAD_ATTR)
		return (false);
	if (pl->body.len < CONFIG_HDR || isakmp_attrs_get(&attrs, span_of(pl->body.p + CONFIG_HDR,
	    pl->body.len - CONFIG_HDR), NULL) != 0)
		return (true);
	for (i = 0; i < attrs.n; i++)
		if (kind_of(attrs.a[i].type) == VALUE_SECRET && (attrs.a[i].basic || attrs.a[i].bytes.len > 0))
			return (true);
	return (false);
}

static void
config_value(struct sa_text *t, const struct isakmp_attr *a, enum value_kind kind, bool reveal)
{
	size_t i;

	if (kind == VALUE_SECRET && !reveal) {
		sa_text_add(t, " (hidden)");
		return;
	}
	if (kind == VALUE_STATUS && a->basic && a->value <= 1) {
		sa_text_add(t, " %s", a->value == 1 ? "ok" : "FAILED");
		return;
	}
	if (a->basic || (kind == VALUE_NUM && a->bytes.len <= 8)) {
		sa_text_add(t, " %llu", (unsigned long long)a->value);
		return;
	}
	sa_text_add(t, " ");
	switch (kind) {
	case VALUE_ADDR:
		put_addr(t, a->bytes);
		break;
	case VALUE_TEXT:
	case VALUE_SECRET:
		put_text(t, a->bytes);
		break;
	case VALUE_NET:			/* address and mask; Unity adds six bytes */
		for (i = 0; i + 8 <= a->bytes.len; i += a->bytes.len % 14 == 0 ? 14 : 8) {
			sa_text_add(t, "%s", i > 0 ? ", " : "");
			put_addr(t, span_of(a->bytes.p + i, 4));
			sa_text_add(t, "/");
			put_addr(t, span_of(a->bytes.p + i + 4, 4));
		}
		break;
	case VALUE_NUM:
	case VALUE_STATUS:
	case VALUE_HEX:
		put_hex(t, a->bytes);
		break;
	}
}

static void
config_words(struct sa_text *t, struct span body, bool reveal)
{
	static const char *const types[] = { "REQUEST", "REPLY", "SET", "ACK" };
	struct rd r = rd_of(body);
	struct isakmp_attrs attrs;
	struct fault f;
	uint8_t type = rd_u8(&r);
	char name[NUM_TEXT];
	uint16_t id;
	size_t i;

	(void)rd_u8(&r);
	id = rd_u16(&r);
	if (r.bad || isakmp_attrs_get(&attrs, rd_rest(&r), &f) != 0) {
		sa_text_add(t, "unreadable: %s\n", r.bad ? "cut off" : f.what);
		return;
	}
	if (type >= 1 && type <= 4)
		sa_text_add(t, "%s %u\n", types[type - 1], id);
	else
		sa_text_add(t, "type %u, %u\n", type, id);
	for (i = 0; i < attrs.n; i++) {
		sa_text_add(t, "%s", config_attr_name(attrs.a[i].type, name));
		/* An ACK names attributes; a number that it has nevertheless means nothing. */
		if (attrs.a[i].basic ? type != CONFIG_ACK : attrs.a[i].bytes.len > 0)
			config_value(t, &attrs.a[i], kind_of(attrs.a[i].type), reveal);
		sa_text_add(t, "\n");
	}
}

/* --- the others --- */

static void
id_words(struct sa_text *t, struct span body, const struct v1_words_of *of)
{
	static char text[ID_TEXT];
	struct selector s;
	struct fault f;
	struct id id;
	char buf[SELECTOR_TEXT], name[NUM_TEXT];

	/* In quick mode the first ID is the initiator's side, the second the responder's. */
	if (!of->phase1)
		sa_text_add(t, "%s ", of->nth == 0 ? "initiator's side:" : "responder's side:");
	if (id_get(&id, body, &f) != 0)
		sa_text_add(t, "unreadable: %s\n", f.what);
	else if (!of->phase1 && id_to_selector(&s, &id) == 0)
		sa_text_add(t, "%s\n", selector_text(buf, &s));
	else
		sa_text_add(t, "%s %s\n", isakmp_id_name(id.type, name), id_value(text, &id));
}

static void
vid_words(struct sa_text *t, struct span body)
{
	const struct vid *v = vid_find(body);

	if (v == NULL) {
		sa_text_add(t, "unknown: ");
		put_hex(t, body);
	} else {
		sa_text_add(t, "%s", v->name);
		if (body.len > v->bytes.len) {
			sa_text_add(t, ", and ");
			put_hex(t, span_of(body.p + v->bytes.len, body.len - v->bytes.len));
		}
	}
	sa_text_add(t, "\n");
}

/* RFC 3947 section 3.2: the first hash is of the receiver's address, the others are of the sender's. */
static void
natd_words(struct sa_text *t, struct span body, const struct v1_words_of *of)
{
	const struct endpoint *e = of->nth == 0 ? of->dst : of->src;
	const char *whose = of->nth == 0 ? "receiver" : "sender";
	char text[ENDPOINT_TEXT];
	uint8_t digest[HASH_MAX];

	if (e == NULL || of->hash == NULL || natd_hash(of->hash, of->hdr->cky_i, of->hdr->cky_r, e,
	    digest, NULL) != 0)
		sa_text_add(t, "of the %s\n", whose);
	else if (span_eq(body, span_of(digest, of->hash->len)))
		sa_text_add(t, "of the %s: is %s, no NAT\n", whose, endpoint_text(text, e));
	else
		sa_text_add(t, "of the %s: is not %s, a NAT%s\n", whose, endpoint_text(text, e),
		    of->nth == 0 ? " in front of it" : " (or another of its addresses)");
}

static void
nat_oa_words(struct sa_text *t, struct span body)
{
	if (body.len >= 4)
		put_addr(t, span_of(body.p + 4, body.len - 4));
	else
		sa_text_add(t, "unreadable: cut off");
	sa_text_add(t, "\n");
}

static void
frag_words(struct sa_text *t, struct span body)
{
	struct rd r = rd_of(body);
	unsigned id = rd_u16(&r), num = rd_u8(&r), last = rd_u8(&r);

	if (r.bad)
		sa_text_add(t, "unreadable: cut off\n");
	else
		sa_text_add(t, "message %u, fragment %u%s, %zu bytes\n", id, num,
		    (last & 1) != 0 ? " (last)" : "", rd_rest(&r).len);
}

uint8_t
v1_payload_meant(uint8_t type, uint8_t exchange)
{
	/* Drafts 04 to 08 of NAT traversal; GDOI, which has the numbers now, has exchanges of its own. */
	if (type == DRAFT_NAT_D && (exchange == EXCHANGE_MAIN || exchange == EXCHANGE_AGGRESSIVE))
		return (PAYLOAD_NAT_D);
	if (type == DRAFT_NAT_OA && exchange == EXCHANGE_QUICK)
		return (PAYLOAD_NAT_OA);
	return (type);
}

char *
v1_payload_words(char *out, size_t cap, const struct isakmp_payload *pl,
    const struct v1_words_of *of)
{
	struct sa_text t = { out, cap, 0 };

	if (cap > 0)
		out[0] = '\0';
	switch (v1_payload_meant(pl->type, of->hdr != NULL ? of->hdr->exchange : 0)) {
	case PAYLOAD_SA:
		v1_sa_words(&t, pl->body, of->phase1);
		break;
	case PAYLOAD_ID:
		id_words(&t, pl->body, of);
		break;
	case PAYLOAD_N:
		notify_words(&t, pl->body);
		break;
	case PAYLOAD_D:
		delete_words(&t, pl->body);
		break;
	case PAYLOAD_VID:
		vid_words(&t, pl->body);
		break;
	case PAYLOAD_ATTR:
		config_words(&t, pl->body, of->reveal);
		break;
	case PAYLOAD_NAT_D: case PAYLOAD_NAT_D_DRAFT:
		natd_words(&t, pl->body, of);
		break;
	case PAYLOAD_NAT_OA: case PAYLOAD_NAT_OA_DRAFT:
		nat_oa_words(&t, pl->body);
		break;
	case PAYLOAD_CERT: case PAYLOAD_CR:
		v1_cert_words(&t, pl->body, pl->type == PAYLOAD_CR);
		break;
	case PAYLOAD_FRAG:
		frag_words(&t, pl->body);
		break;
	default:
		sa_text_add(&t, "%zu bytes\n", pl->body.len);
	}
	return (out);
}
