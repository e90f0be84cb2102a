/* The schema of SA state (sa-state.cddl) as tables, and its words. */
#include "sa/fields.h"

/* Offset and size of a member, the two columns in one. */
#define AT(type, member)	offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define HERE			0, 0
#define HAS(type, member)	offsetof(struct type, member)
#define NO			FIELD_NONE
/* The kind, with the size and offset of the text for another one: three columns. */
#define KIND(type, member)	offsetof(struct type, member), \
	sizeof(((struct type *)0)->member##_other), offsetof(struct type, member##_other)
#define END			{ .key = NULL }

static const char *const type_ike[] = { "ike-sa", NULL };
static const char *const type_child[] = { "child-sa", NULL };
static const char *const type_delete[] = { "sa-delete", NULL };
static const char *const type_event[] = { "event", NULL };
static const char *const events[] = { "",
#define EVENT_WORD(kind, word) [SA_EVENT_##kind] = word,
	SA_EVENT_TABLE(EVENT_WORD)
#undef EVENT_WORD
	[SA_EVENT_KINDS] = NULL };
static const char *const reasons[] = { "",
#define REASON_TEXT(reason, text) [SA_REASON_##reason] = text,
	SA_REASON_TABLE(REASON_TEXT)
#undef REASON_TEXT
	[SA_REASONS] = NULL };
static const char *const roles[] = { "initiator", "responder", NULL };
static const char *const exchanges[] = { "main", "aggressive", NULL };
static const char *const markers[] = { "none", "non-esp", "non-ike", NULL };
static const char *const xauth_states[] = { "pending", "ok", "failed", NULL };
static const char *const uses[] = { "in", "both", NULL };
static const char *const protocols[] = { "esp", "ah", NULL };
static const char *const modes[] = { "tunnel", "transport", NULL };
static const char *const encaps[] = { "none", "udp", "udp-draft", "tcp", NULL };
static const char *const id_types[] = { "ipv4", "ipv6", "subnet", "range", "fqdn", "user-fqdn",
	"dn", "key-id", NULL };

const struct field sa_id_fields[] = {
	{ "der", FIELD_SPAN, NEED_NO, AT(id_map, der), NO, 0, false, NULL, NULL },
	{ "type", FIELD_TEXT, NEED_YES, AT(id_map, type), NO, 0, false, id_types, NULL },
	{ "value", FIELD_TEXT, NEED_YES, AT(id_map, value), NO, 0, false, NULL, NULL },
	END
};

const struct field sa_selector_fields[] = {
	{ "net", FIELD_NET, NEED_YES, AT(selector_map, net), NO, 0, false, NULL, NULL },
	{ "port", FIELD_UINT, NEED_NO, AT(selector_map, port), HAS(selector_map, has_port), 0,
	    false, NULL, NULL },
	{ "port-end", FIELD_UINT, NEED_NO, AT(selector_map, port_end),
	    HAS(selector_map, has_end), 0, false, NULL, NULL },
	{ "protocol", FIELD_UINT, NEED_NO, AT(selector_map, proto), NO, 0, false, NULL, NULL },
	END
};

static const struct field endpoint_fields[] = {
	{ "id", FIELD_ID, NEED_NO, AT(sa_end, id), NO, 0, false, NULL, NULL },
	{ "port", FIELD_UINT, NEED_YES, AT(sa_end, at.port), NO, 0, false, NULL, NULL },
	{ "address", FIELD_ADDR, NEED_YES, AT(sa_end, at.addr), NO, 0, false, NULL, NULL },
	END
};

static const struct field address_fields[] = {	/* an endpoint without an identity */
	{ "port", FIELD_UINT, NEED_YES, AT(endpoint, port), NO, 0, false, NULL, NULL },
	{ "address", FIELD_ADDR, NEED_YES, AT(endpoint, addr), NO, 0, false, NULL, NULL },
	END
};

static const struct field lifetime_fields[] = {
	{ "expires", FIELD_UINT, NEED_YES, AT(sa_lifetime, expires), NO, 0, false, NULL, NULL },
	{ "seconds", FIELD_UINT, NEED_YES, AT(sa_lifetime, seconds), NO, 0, false, NULL, NULL },
	{ "kilobytes", FIELD_UINT, NEED_NO, AT(sa_lifetime, kilobytes), NO, 0, false, NULL, NULL },
	END
};

static const struct field natt_fields[] = {
	{ "forced", FIELD_BOOL, NEED_YES, AT(sa_natt, forced), NO, 0, false, NULL, NULL },
	{ "marker", FIELD_ENUM, NEED_YES, AT(sa_natt, marker), NO, 0, false, markers, NULL },
	{ "version", FIELD_TEXT, NEED_YES, AT(sa_natt, version), NO, 0, false, NULL, NULL },
	{ "local-nat", FIELD_BOOL, NEED_YES, AT(sa_natt, local_nat), NO, 0, false, NULL, NULL },
	{ "remote-nat", FIELD_BOOL, NEED_YES, AT(sa_natt, remote_nat), NO, 0, false, NULL, NULL },
	END
};

/* The maps of an IKE SA below have no struct of their own: their offsets are sa_ike's. */

static const struct field ike_keys[] = {
	{ "iv", FIELD_VARBYTES, NEED_YES, AT(sa_ike, iv), HAS(sa_ike, iv_len), 0, false, NULL, NULL },
	{ "cipher", FIELD_SECRET, NEED_YES, AT(sa_ike, cipher), NO, 0, false, NULL, NULL },
	{ "skeyid", FIELD_SECRET, NEED_NO, AT(sa_ike, skeyid), NO, 0, false, NULL, NULL },
	{ "skeyid-a", FIELD_SECRET, NEED_YES, AT(sa_ike, skeyid_a), NO, 0, false, NULL, NULL },
	{ "skeyid-d", FIELD_SECRET, NEED_YES, AT(sa_ike, skeyid_d), NO, 0, false, NULL, NULL },
	{ "skeyid-e", FIELD_SECRET, NEED_NO, AT(sa_ike, skeyid_e), NO, 0, false, NULL, NULL },
	END
};

static const struct field ike_proposal[] = {
	{ "hash", FIELD_TEXT, NEED_YES, AT(sa_ike, hash), NO, 0, false, NULL, NULL },
	{ "group", FIELD_TEXT, NEED_YES, AT(sa_ike, group), NO, 0, false, NULL, NULL },
	{ "key-bits", FIELD_UINT, NEED_NO, AT(sa_ike, key_bits), NO, 0, false, NULL, NULL },
	{ "encryption", FIELD_TEXT, NEED_YES, AT(sa_ike, encryption), NO, 0, false, NULL, NULL },
	END
};

static const struct field vid_item[] = {
	{ "", FIELD_VID, NEED_YES, AT(sa_ike, vids[0]), NO, 0, true, NULL, NULL },
};

static const struct field ike_peer[] = {
	{ "dpd", FIELD_BOOL, NEED_YES, AT(sa_ike, dpd), NO, 0, false, NULL, NULL },
	{ "vendor-ids", FIELD_LIST, NEED_YES, AT(sa_ike, vids), HAS(sa_ike, n_vids), 0, true, NULL,
	    vid_item },
	{ "implementation", FIELD_TEXT, NEED_NO, AT(sa_ike, implementation), NO, 0, true, NULL,
	    NULL },
	END
};

static const struct field dns_item[] = {
	{ "", FIELD_TEXT, NEED_YES, AT(sa_ike, dns[0]), NO, 0, false, NULL, NULL },
};

static const struct field split_item[] = {
	{ "", FIELD_TEXT, NEED_YES, AT(sa_ike, split[0]), NO, 0, false, NULL, NULL },
};

static const struct field ike_config[] = {
	{ "dns", FIELD_LIST, NEED_NO, AT(sa_ike, dns), HAS(sa_ike, n_dns), 0, true, NULL, dns_item },
	{ "nbns", FIELD_LIST, NEED_NO, AT(sa_ike, nbns), HAS(sa_ike, n_nbns), 0, true, NULL,
	    dns_item },
	{ "split", FIELD_LIST, NEED_NO, AT(sa_ike, split), HAS(sa_ike, n_split), 0, false, NULL,
	    split_item },
	{ "banner", FIELD_TEXT, NEED_NO, AT(sa_ike, banner), NO, 0, true, NULL, NULL },
	{ "domain", FIELD_TEXT, NEED_NO, AT(sa_ike, domain), NO, 0, false, NULL, NULL },
	{ "address", FIELD_TEXT, NEED_NO, AT(sa_ike, address), NO, 0, false, NULL, NULL },
	{ "netmask", FIELD_TEXT, NEED_NO, AT(sa_ike, netmask), NO, 0, false, NULL, NULL },
	END
};

static const struct field ike_xauth[] = {
	{ "user", FIELD_TEXT, NEED_YES, AT(sa_ike, xauth_user), NO, 0, false, NULL, NULL },
	{ "status", FIELD_TEXT, NEED_YES, AT(sa_ike, xauth_status), NO, 0, false, xauth_states,
	    NULL },
	END
};

static const struct field ike_fields[] = {
	{ "auth", FIELD_TEXT, NEED_YES, AT(sa_ike, auth), NO, 0, false, NULL, NULL },
	{ "keys", FIELD_MAP, NEED_YES, HERE, NO, 0, false, NULL, ike_keys },
	{ "name", FIELD_TEXT, NEED_NO, AT(sa_ike, name), NO, 0, false, NULL, NULL },
	{ "natt", FIELD_MAP, NEED_YES, AT(sa_ike, natt), NO, 0, false, NULL, natt_fields },
	{ "peer", FIELD_MAP, NEED_NO, HERE, NO, 0, false, NULL, ike_peer },
	{ "role", FIELD_ENUM, NEED_YES, AT(sa_ike, role), NO, 0, false, roles, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_ike, NULL },
	{ "local", FIELD_MAP, NEED_YES, AT(sa_ike, local), NO, 0, false, NULL, endpoint_fields },
	{ "spi-i", FIELD_BYTES, NEED_YES, AT(sa_ike, spi_i), NO, 0, false, NULL, NULL },
	{ "spi-r", FIELD_BYTES, NEED_YES, AT(sa_ike, spi_r), NO, 0, false, NULL, NULL },
	{ "xauth", FIELD_MAP, NEED_NO, HERE, NO, 0, false, NULL, ike_xauth },
	{ "config", FIELD_MAP, NEED_NO, HERE, HAS(sa_ike, has_config), 0, false, NULL, ike_config },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "remote", FIELD_MAP, NEED_YES, AT(sa_ike, remote), NO, 0, false, NULL, endpoint_fields },
	{ "dpd-seq", FIELD_UINT, NEED_NO, AT(sa_ike, dpd_seq), HAS(sa_ike, has_dpd_seq), 0, false,
	    NULL, NULL },
	{ "version", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "exchange", FIELD_ENUM, NEED_YES, AT(sa_ike, exchange), NO, 0, false, exchanges, NULL },
	{ "lifetime", FIELD_MAP, NEED_YES, AT(sa_ike, lifetime), NO, 0, false, NULL,
	    lifetime_fields },
	{ "proposal", FIELD_MAP, NEED_YES, HERE, NO, 0, false, NULL, ike_proposal },
	{ "established", FIELD_UINT, NEED_YES, AT(sa_ike, established), NO, 0, false, NULL, NULL },
	END
};

/* The same holds for the maps of a child SA. */

static const struct field child_keys[] = {
	{ "enc-in", FIELD_SECRET, NEED_NO, AT(sa_child, enc_in), NO, 0, false, NULL, NULL },
	{ "auth-in", FIELD_SECRET, NEED_NO, AT(sa_child, auth_in), NO, 0, false, NULL, NULL },
	{ "enc-out", FIELD_SECRET, NEED_NO, AT(sa_child, enc_out), NO, 0, false, NULL, NULL },
	{ "auth-out", FIELD_SECRET, NEED_NO, AT(sa_child, auth_out), NO, 0, false, NULL, NULL },
	END
};

static const struct field child_nat_oa[] = {
	{ "local", FIELD_ADDR, NEED_YES, AT(sa_child, nat_oa_local), NO, 0, false, NULL, NULL },
	{ "remote", FIELD_ADDR, NEED_YES, AT(sa_child, nat_oa_remote), NO, 0, false, NULL, NULL },
	END
};

static const struct field child_proposal[] = {
	{ "esn", FIELD_BOOL, NEED_WRITE, AT(sa_child, esn), NO, 0, false, NULL, NULL },
	{ "group", FIELD_TEXT, NEED_NO, AT(sa_child, group), NO, 0, false, NULL, NULL },
	{ "key-bits", FIELD_UINT, NEED_NO, AT(sa_child, key_bits), NO, 0, false, NULL, NULL },
	{ "integrity", FIELD_TEXT, NEED_NO, AT(sa_child, integrity), NO, 0, false, NULL, NULL },
	{ "encryption", FIELD_TEXT, NEED_NO, AT(sa_child, encryption), NO, 0, false, NULL, NULL },
	END
};

static const struct field selector_item[] = {
	{ "", FIELD_SELECTOR, NEED_YES, AT(sa_child, local_ts[0]), NO, 0, false, NULL, NULL },
};

static const struct field child_fields[] = {
	{ "ike", FIELD_BYTES, NEED_YES, AT(sa_child, ike), NO, 0, false, NULL, NULL },
	{ "use", FIELD_ENUM, NEED_YES, AT(sa_child, use), NO, 0, false, uses, NULL },
	{ "keys", FIELD_MAP, NEED_YES, HERE, NO, 0, false, NULL, child_keys },
	{ "mode", FIELD_ENUM, NEED_YES, AT(sa_child, mode), NO, 0, false, modes, NULL },
	{ "name", FIELD_TEXT, NEED_NO, AT(sa_child, name), NO, 0, false, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_child, NULL },
	{ "encap", FIELD_ENUM, NEED_YES, AT(sa_child, encap), NO, 0, false, encaps, NULL },
	{ "local", FIELD_MAP, NEED_YES, AT(sa_child, local), NO, 0, false, NULL, endpoint_fields },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "nat-oa", FIELD_MAP, NEED_NO, HERE, HAS(sa_child, has_nat_oa), 0, false, NULL,
	    child_nat_oa },
	{ "remote", FIELD_MAP, NEED_YES, AT(sa_child, remote), NO, 0, false, NULL, endpoint_fields },
	{ "replay", FIELD_UINT, NEED_NO, AT(sa_child, replay), HAS(sa_child, has_replay), 0, false,
	    NULL, NULL },
	{ "spi-in", FIELD_SPI, NEED_YES, AT(sa_child, spi_in), NO, 0, false, NULL, NULL },
	{ "spi-out", FIELD_SPI, NEED_YES, AT(sa_child, spi_out), NO, 0, false, NULL, NULL },
	{ "lifetime", FIELD_MAP, NEED_YES, AT(sa_child, lifetime), NO, 0, false, NULL,
	    lifetime_fields },
	{ "local-ts", FIELD_LIST, NEED_YES, AT(sa_child, local_ts), HAS(sa_child, n_local_ts), 1,
	    false, NULL, selector_item },
	{ "proposal", FIELD_MAP, NEED_YES, HERE, NO, 0, false, NULL, child_proposal },
	{ "protocol", FIELD_ENUM, NEED_YES, AT(sa_child, protocol), NO, 0, false, protocols, NULL },
	{ "replaces", FIELD_SPI, NEED_NO, AT(sa_child, replaces), NO, 0, false, NULL, NULL },
	{ "initiator", FIELD_BOOL, NEED_WRITE, AT(sa_child, initiator), NO, 0, false, NULL, NULL },
	{ "remote-ts", FIELD_LIST, NEED_YES, AT(sa_child, remote_ts), HAS(sa_child, n_remote_ts), 1,
	    false, NULL, selector_item },
	{ "established", FIELD_UINT, NEED_YES, AT(sa_child, established), NO, 0, false, NULL, NULL },
	END
};

static const struct field delete_fields[] = {
	{ "ike", FIELD_BYTES, NEED_NO, AT(sa_del, ike), HAS(sa_del, has_ike), 0, false, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_delete, NULL },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "reason", FIELD_KIND, NEED_NO, KIND(sa_del, reason), 0, true, reasons, NULL },
	{ "spi-in", FIELD_SPI, NEED_NO, AT(sa_del, spi_in), HAS(sa_del, has_spi_in), 0, false, NULL,
	    NULL },
	{ "spi-out", FIELD_SPI, NEED_NO, AT(sa_del, spi_out), HAS(sa_del, has_spi_out), 0, false,
	    NULL, NULL },
	{ "protocol", FIELD_ENUM, NEED_NO, AT(sa_del, protocol), HAS(sa_del, has_protocol), 0,
	    false, protocols, NULL },
	END
};

static const struct field event_fields[] = {
	{ "tun", FIELD_TEXT, NEED_NO, AT(sa_event, tun), NO, 0, false, NULL, NULL },
	{ "text", FIELD_TEXT, NEED_NO, AT(sa_event, text), NO, 0, true, NULL, NULL },
	{ "time", FIELD_UINT, NEED_YES, AT(sa_event, time), NO, 0, false, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_event, NULL },
	{ "what", FIELD_KIND, NEED_YES, KIND(sa_event, what), 0, false, events, NULL },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "remote", FIELD_MAP, NEED_NO, AT(sa_event, remote), HAS(sa_event, has_remote), 0, false,
	    NULL, address_fields },
	{ "source", FIELD_TEXT, NEED_YES, AT(sa_event, source), NO, 0, false, NULL, NULL },
	{ "spi-in", FIELD_SPI, NEED_NO, AT(sa_event, spi_in), HAS(sa_event, has_spi_in), 0, false,
	    NULL, NULL },
	END
};

const struct field *
sa_fields(enum sa_type type)
{
	switch (type) {
	case SA_IKE:
		return (ike_fields);
	case SA_CHILD:
		return (child_fields);
	case SA_DELETE:
		return (delete_fields);
	case SA_EVENT:
		return (event_fields);
	default:
		return (NULL);
	}
}

bool
sa_field_has_flag(const struct field *row)
{
	return (row->also != FIELD_NONE && row->kind != FIELD_LIST && row->kind != FIELD_VARBYTES &&
	    row->kind != FIELD_KIND);
}

const char *
sa_event_word(const struct sa_event *e)
{
	return (e->what != SA_EVENT_OTHER ? events[e->what] : e->what_other);
}

const char *
sa_reason_text(enum sa_reason reason)
{
	return (reasons[reason]);
}

const char *
sa_del_reason(const struct sa_del *d)
{
	return (d->reason != SA_REASON_OTHER ? reasons[d->reason] : d->reason_other);
}

const char *
sa_type_word(enum sa_type type)
{
	switch (type) {
	case SA_IKE:
		return (type_ike[0]);
	case SA_CHILD:
		return (type_child[0]);
	case SA_DELETE:
		return (type_delete[0]);
	case SA_EVENT:
		return (type_event[0]);
	default:
		return (NULL);
	}
}

void *
sa_rec_body(struct sa_rec *r)
{
	/* Every body begins where the union does. */
	return (&r->ike);
}
