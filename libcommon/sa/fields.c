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
static const char *const type_stat[] = { "sa-stat", NULL };
static const char *const type_tun_stat[] = { "tun-stat", NULL };
static const char *const type_binding[] = { "nhrp-binding", NULL };
static const char *const type_next_hop[] = { "next-hop", NULL };
static const char *const hop_flags[] = { "static", "automatic", NULL };
static const char *const hop_states[] = { "down", "ready", "up", NULL };
static const char *const type_nhrp_event[] = { "nhrp-event", NULL };
static const char *const nhrp_kinds[] = { "local", "nhs", "dynamic", "shortcut", "negative", NULL };
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
	{ "tcp", FIELD_BOOL, NEED_NO, AT(sa_natt, tcp), NO, 0, false, NULL, NULL },
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

static const struct field local_lan_item[] = {
	{ "", FIELD_TEXT, NEED_YES, AT(sa_ike, local_lan[0]), NO, 0, false, NULL, NULL },
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
	{ "version", FIELD_TEXT, NEED_NO, AT(sa_ike, gateway_version), NO, 0, true, NULL, NULL },
	{ "address6", FIELD_TEXT, NEED_NO, AT(sa_ike, address6), NO, 0, false, NULL, NULL },
	{ "local-lan", FIELD_LIST, NEED_NO, AT(sa_ike, local_lan), HAS(sa_ike, n_local_lan), 0, true, NULL,
	    local_lan_item },
	{ "split-dns", FIELD_TEXT, NEED_NO, AT(sa_ike, split_dns), NO, 0, true, NULL, NULL },
	END
};

static const struct field ike_xauth[] = {
	{ "user", FIELD_TEXT, NEED_YES, AT(sa_ike, xauth_user), NO, 0, false, NULL, NULL },
	{ "group", FIELD_TEXT, NEED_NO, AT(sa_ike, xauth_group), NO, 0, false, NULL, NULL },
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
	{ "bundle", FIELD_SPI, NEED_NO, AT(sa_child, bundle), NO, 0, false, NULL, NULL },
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
	{ "takeovers", FIELD_UINT, NEED_NO, AT(sa_child, takeovers), NO, 0, false, NULL, NULL },
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
	{ "sas", FIELD_SPAN, NEED_NO, AT(sa_event, sas), NO, 0, false, NULL, NULL },
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
	{ "bytes-in", FIELD_UINT, NEED_NO, AT(sa_event, bytes_in), HAS(sa_event, has_count), 0, false, NULL, NULL },
	{ "bytes-out", FIELD_UINT, NEED_NO, AT(sa_event, bytes_out), HAS(sa_event, has_count), 0, false, NULL, NULL },
	{ "kilobytes", FIELD_UINT, NEED_NO, AT(sa_event, kilobytes), NO, 0, false, NULL, NULL },
	{ "takeovers", FIELD_UINT, NEED_NO, AT(sa_event, takeovers), NO, 0, false, NULL, NULL },
	{ "packets-in", FIELD_UINT, NEED_NO, AT(sa_event, packets_in), HAS(sa_event, has_count), 0, false, NULL, NULL },
	{ "packets-out", FIELD_UINT, NEED_NO, AT(sa_event, packets_out), HAS(sa_event, has_count), 0, false, NULL, NULL },
	END
};

/* The maps "in" and "out" of counters. */

static const struct field drop_fields[] = {
	{ "reason", FIELD_TEXT, NEED_YES, AT(sa_drop, reason), NO, 0, true, NULL, NULL },
	{ "packets", FIELD_UINT, NEED_YES, AT(sa_drop, packets), NO, 0, false, NULL, NULL },
	END
};

static const struct field drop_item[] = {
	{ "", FIELD_MAP, NEED_YES, AT(sa_count, drops[0]), NO, 0, false, NULL, drop_fields },
};

static const struct field count_fields[] = {
	{ "last", FIELD_UINT, NEED_NO, AT(sa_count, last), NO, 0, false, NULL, NULL },
	{ "bytes", FIELD_UINT, NEED_YES, AT(sa_count, bytes), NO, 0, false, NULL, NULL },
	{ "drops", FIELD_LIST, NEED_NO, AT(sa_count, drops), HAS(sa_count, n_drops), 0, true, NULL, drop_item },
	{ "packets", FIELD_UINT, NEED_YES, AT(sa_count, packets), NO, 0, false, NULL, NULL },
	END
};

static const struct field stat_selector_item[] = {
	{ "", FIELD_SELECTOR, NEED_YES, AT(sa_stat, local_ts[0]), NO, 0, false, NULL, NULL },
};

static const struct field stat_fields[] = {
	{ "in", FIELD_MAP, NEED_YES, AT(sa_stat, in), NO, 0, false, NULL, count_fields },
	{ "mtu", FIELD_UINT, NEED_NO, AT(sa_stat, mtu), NO, 0, false, NULL, NULL },
	{ "out", FIELD_MAP, NEED_YES, AT(sa_stat, out), NO, 0, false, NULL, count_fields },
	{ "use", FIELD_ENUM, NEED_YES, AT(sa_stat, use), NO, 0, false, uses, NULL },
	{ "mode", FIELD_ENUM, NEED_YES, AT(sa_stat, mode), NO, 0, false, modes, NULL },
	{ "name", FIELD_TEXT, NEED_NO, AT(sa_stat, name), NO, 0, false, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_stat, NULL },
	{ "encap", FIELD_ENUM, NEED_YES, AT(sa_stat, encap), NO, 0, false, encaps, NULL },
	{ "local", FIELD_MAP, NEED_YES, AT(sa_stat, local), NO, 0, false, NULL, address_fields },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "remote", FIELD_MAP, NEED_YES, AT(sa_stat, remote), NO, 0, false, NULL, address_fields },
	{ "spi-in", FIELD_SPI, NEED_YES, AT(sa_stat, spi_in), NO, 0, false, NULL, NULL },
	{ "expires", FIELD_UINT, NEED_YES, AT(sa_stat, expires), NO, 0, false, NULL, NULL },
	{ "spi-out", FIELD_SPI, NEED_YES, AT(sa_stat, spi_out), NO, 0, false, NULL, NULL },
	{ "local-ts", FIELD_LIST, NEED_YES, AT(sa_stat, local_ts), HAS(sa_stat, n_local_ts), 1, false, NULL,
	    stat_selector_item },
	{ "path-mtu", FIELD_UINT, NEED_NO, AT(sa_stat, path_mtu), NO, 0, false, NULL, NULL },
	{ "protocol", FIELD_ENUM, NEED_YES, AT(sa_stat, protocol), NO, 0, false, protocols, NULL },
	{ "remote-ts", FIELD_LIST, NEED_YES, AT(sa_stat, remote_ts), HAS(sa_stat, n_remote_ts), 1, false, NULL,
	    stat_selector_item },
	{ "established", FIELD_UINT, NEED_YES, AT(sa_stat, established), NO, 0, false, NULL, NULL },
	END
};

static const struct field tun_stat_fields[] = {
	{ "in", FIELD_MAP, NEED_YES, AT(sa_tun_stat, in), NO, 0, false, NULL, count_fields },
	{ "cut", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, cut), NO, 0, false, NULL, NULL },
	{ "mtu", FIELD_UINT, NEED_YES, AT(sa_tun_stat, mtu), NO, 0, false, NULL, NULL },
	{ "out", FIELD_MAP, NEED_YES, AT(sa_tun_stat, out), NO, 0, false, NULL, count_fields },
	{ "sas", FIELD_UINT, NEED_YES, AT(sa_tun_stat, sas), NO, 0, false, NULL, NULL },
	{ "tun", FIELD_TEXT, NEED_YES, AT(sa_tun_stat, tun), NO, 0, false, NULL, NULL },
	{ "ever", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, ever), NO, 0, false, NULL, NULL },
	{ "time", FIELD_UINT, NEED_YES, AT(sa_tun_stat, time), NO, 0, false, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_tun_stat, NULL },
	{ "since", FIELD_UINT, NEED_YES, AT(sa_tun_stat, since), NO, 0, false, NULL, NULL },
	{ "forged", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, forged), NO, 0, false, NULL, NULL },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "remaps", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, remaps), NO, 0, false, NULL, NULL },
	{ "unsent", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, unsent), NO, 0, false, NULL, NULL },
	{ "believed", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, believed), NO, 0, false, NULL, NULL },
	{ "bindings", FIELD_UINT, NEED_NO, AT(sa_tun_stat, bindings), HAS(sa_tun_stat, has_bindings), 0, false, NULL, NULL },
	{ "unwritten", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, unwritten), NO, 0, false, NULL, NULL },
	{ "fragmented", FIELD_UINT, NEED_WRITE, AT(sa_tun_stat, fragmented), NO, 0, false, NULL, NULL },
	END
};

#define FLAG(key, member) \
	{ key, FIELD_BOOL, NEED_NO, AT(sa_nhrp_binding, flags.member), NO, 0, false, NULL, NULL }
static const struct field flag_fields[] = {
	FLAG("nat", nat),
	FLAG("used", used),
	FLAG("router", router),
	FLAG("unique", unique),
	FLAG("passive", passive),
	FLAG("authoritative", authoritative),
	END
};
#undef FLAG

static const struct field profile_fields[] = {
	{ "esp", FIELD_TEXT, NEED_NO, AT(sa_nhrp_binding, profile.esp), NO, 0, false, NULL, NULL },
	{ "ike", FIELD_TEXT, NEED_NO, AT(sa_nhrp_binding, profile.ike), NO, 0, false, NULL, NULL },
	{ "esp-lifetime", FIELD_UINT, NEED_NO, AT(sa_nhrp_binding, profile.esp_seconds), NO, 0, false, NULL, NULL },
	{ "ike-lifetime", FIELD_UINT, NEED_NO, AT(sa_nhrp_binding, profile.ike_seconds), NO, 0, false, NULL, NULL },
	END
};

static const struct field binding_fields[] = {
	{ "mtu", FIELD_UINT, NEED_NO, AT(sa_nhrp_binding, mtu), NO, 0, false, NULL, NULL },
	{ "nhs", FIELD_ADDR, NEED_NO, AT(sa_nhrp_binding, nhs), NO, 0, false, NULL, NULL },
	{ "tun", FIELD_TEXT, NEED_NO, AT(sa_nhrp_binding, tun), NO, 0, false, NULL, NULL },
	{ "via", FIELD_ADDR, NEED_NO, AT(sa_nhrp_binding, via), NO, 0, false, NULL, NULL },
	{ "cert", FIELD_BYTES, NEED_NO, AT(sa_nhrp_binding, cert), HAS(sa_nhrp_binding, has_cert), 0, false, NULL, NULL },
	{ "kind", FIELD_ENUM, NEED_YES, AT(sa_nhrp_binding, kind), NO, 0, false, nhrp_kinds, NULL },
	{ "nbma", FIELD_ADDR, NEED_NO, AT(sa_nhrp_binding, nbma), NO, 0, false, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_binding, NULL },
	{ "flags", FIELD_MAP, NEED_NO, HERE, NO, 0, false, NULL, flag_fields },
	{ "proto", FIELD_ADDR, NEED_YES, AT(sa_nhrp_binding, proto), NO, 0, false, NULL, NULL },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "prefix", FIELD_UINT, NEED_YES, AT(sa_nhrp_binding, prefix), NO, 0, false, NULL, NULL },
	{ "source", FIELD_TEXT, NEED_NO, AT(sa_nhrp_binding, source), NO, 0, false, NULL, NULL },
	{ "expires", FIELD_UINT, NEED_YES, AT(sa_nhrp_binding, expires), NO, 0, false, NULL, NULL },
	{ "holding", FIELD_UINT, NEED_YES, AT(sa_nhrp_binding, holding), NO, 0, false, NULL, NULL },
	{ "profile", FIELD_MAP, NEED_NO, HERE, HAS(sa_nhrp_binding, has_profile), 0, false, NULL, profile_fields },
	{ "nat-nbma", FIELD_ADDR, NEED_NO, AT(sa_nhrp_binding, nat_nbma), NO, 0, false, NULL, NULL },
	END
};

static const struct field nhrp_event_fields[] = {
	{ "nhs", FIELD_ADDR, NEED_NO, AT(sa_nhrp_event, nhs), NO, 0, false, NULL, NULL },
	{ "tun", FIELD_TEXT, NEED_NO, AT(sa_nhrp_event, tun), NO, 0, false, NULL, NULL },
	{ "code", FIELD_UINT, NEED_NO, AT(sa_nhrp_event, code), HAS(sa_nhrp_event, has_code), 0, false, NULL, NULL },
	{ "text", FIELD_TEXT, NEED_NO, AT(sa_nhrp_event, text), NO, 0, true, NULL, NULL },
	{ "time", FIELD_UINT, NEED_YES, AT(sa_nhrp_event, time), NO, 0, false, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_nhrp_event, NULL },
	{ "what", FIELD_TEXT, NEED_YES, AT(sa_nhrp_event, what), NO, 0, false, NULL, NULL },
	{ "proto", FIELD_ADDR, NEED_NO, AT(sa_nhrp_event, proto), NO, 0, false, NULL, NULL },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "prefix", FIELD_UINT, NEED_NO, AT(sa_nhrp_event, prefix), NO, 0, false, NULL, NULL },
	{ "remote", FIELD_ADDR, NEED_NO, AT(sa_nhrp_event, remote), NO, 0, false, NULL, NULL },
	{ "source", FIELD_TEXT, NEED_YES, AT(sa_nhrp_event, source), NO, 0, false, NULL, NULL },
	END
};

static const struct field next_hop_fields[] = {
	{ "hop", FIELD_ADDR, NEED_YES, AT(sa_next_hop, hop), NO, 0, false, NULL, NULL },
	{ "flag", FIELD_ENUM, NEED_YES, AT(sa_next_hop, flag), NO, 0, false, hop_flags, NULL },
	{ "name", FIELD_TEXT, NEED_NO, AT(sa_next_hop, name), NO, 0, true, NULL, NULL },
	{ "type", FIELD_WORD, NEED_YES, HERE, NO, 0, false, type_next_hop, NULL },
	{ "state", FIELD_ENUM, NEED_YES, AT(sa_next_hop, state), NO, 0, false, hop_states, NULL },
	{ "format", FIELD_CONST, NEED_YES, HERE, NO, 1, false, NULL, NULL },
	{ "remote", FIELD_MAP, NEED_NO, AT(sa_next_hop, remote), HAS(sa_next_hop, has_remote), 0, false, NULL, address_fields },
	{ "spi-in", FIELD_SPI, NEED_NO, AT(sa_next_hop, spi_in), HAS(sa_next_hop, has_sa), 0, false, NULL, NULL },
	{ "spi-out", FIELD_SPI, NEED_NO, AT(sa_next_hop, spi_out), HAS(sa_next_hop, has_sa), 0, false, NULL, NULL },
	END
};

/* By type. */
static const struct { const char *const *word; const struct field *fields; } types[] = {
	[SA_IKE] = { type_ike, ike_fields },
	[SA_CHILD] = { type_child, child_fields },
	[SA_DELETE] = { type_delete, delete_fields },
	[SA_EVENT] = { type_event, event_fields },
	[SA_STAT] = { type_stat, stat_fields },
	[SA_TUN_STAT] = { type_tun_stat, tun_stat_fields },
	[SA_NHRP_BINDING] = { type_binding, binding_fields },
	[SA_NHRP_EVENT] = { type_nhrp_event, nhrp_event_fields },
	[SA_NEXT_HOP] = { type_next_hop, next_hop_fields },
};

const struct field *
sa_fields(enum sa_type type)
{
	return (types[type].fields);
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
sa_hop_flag_word(enum sa_hop_flag flag)
{
	return (hop_flags[flag]);
}

const char *
sa_hop_state_word(enum sa_hop_state state)
{
	return (hop_states[state]);
}

const char *
nhrp_kind_word(enum nhrp_kind kind)
{
	return (nhrp_kinds[kind]);
}

const char *
sa_type_word(enum sa_type type)
{
	return (types[type].word != NULL ? types[type].word[0] : NULL);
}

void *
sa_rec_body(struct sa_rec *r)
{
	/* Every body begins where the union does. */
	return (&r->ike);
}
