/* Identities: the body of ID payloads (RFC 2407 section 4.6.2), and their text form. */
#ifndef SAPIPE_WIRE_ID_H
#define SAPIPE_WIRE_ID_H

#include "base/addr.h"
#include "base/fault.h"
#include "wire/isakmp_num.h"
#include "wire/wr.h"

#define ID_MAX	1024	/* bytes of identification data; a long DN has some 300 */
#define ID_TEXT	4200	/* room for the text of any id: each byte may need \xNN */

struct id {
	uint8_t		type;		/* enum isakmp_id_type; 0: none */
	uint8_t		proto;		/* IP protocol, 0: any */
	uint16_t	port;		/* 0: any */
	uint16_t	len;
	uint8_t		data[ID_MAX];	/* as on the wire; a DN in DER */
};

/*
 * Parses the body of an ID payload. The data must fit its type: length, contiguous mask, first
 * address not above last, DER without trailing bytes, at least one byte of a name. 0, or -1
 * with FAULT_MALFORMED (unknown type, wrong data) or FAULT_TOO_LARGE; ${id} is then none.
 */
int id_get(struct id *id, struct span body, struct fault *f);
/* Writes type, protocol, port and data: the payload's body. */
void id_put(struct wr *w, const struct id *id);

/*
 * Parses the text of an id; protocol and port are any. `192.0.2.1`, `2001:db8::1`, `10.0.0.0/8`,
 * `10.0.0.1-10.0.0.9`, `gw.example` (FQDN; `@gw.example` too), `alice@example` (user FQDN),
 * `C=CH, O=x, CN=y` (DN; the order as written is the order in DER; `+` joins values of one
 * RDN), `keyid:HEX`. A prefix `fqdn:`, `user:`, `dn:`, `gn:` or `keyid:` forces the type;
 * a value after `keyid:` that is not hex is used as text. In names `\xNN` is a byte and `\\` a
 * backslash; in DNs a backslash escapes any special character, and `#HEX` is DER.
 * 0, or -1 with FAULT_BAD_ID; ${id} is then none.
 */
int id_parse(struct id *id, const char *text, struct fault *f);
/*
 * The text of an id, which id_parse() parses to an equal id. It has a prefix only if
 * id_parse() would otherwise choose another type. Plain ASCII: other bytes as \xNN. "none"
 * for type 0. Protocol and port are omitted.
 */
char *id_text(char out[ID_TEXT], const struct id *id);
/* The same without prefix, as in SA state; id_from_words() parses it. */
char *id_value(char out[ID_TEXT], const struct id *id);

/* The words of the state schema: "ipv4", "subnet", "fqdn", "dn", ...; NULL if none fits. */
const char *id_type_word(uint8_t type);
/* The reverse, with the value as in SA state (id_value(); key-id in hex). */
int id_from_words(struct id *id, const char *type, const char *value, struct fault *f);

/* Compares type and data, not protocol and port. DNs are compared as in X.509 (RFC 5280
 * section 7.1), without regard to case, blanks and string types; FQDNs and user FQDNs
 * without regard to case. */
bool id_eq(const struct id *a, const struct id *b);
/* The same for all that id_eq() takes for equal. */
uint64_t id_hash(const struct id *id, uint64_t salt);

struct id id_from_addr(const struct addr *a);
/* Address, subnet and range IDs with protocol and port; -1 if it is none of these. */
int id_to_selector(struct selector *s, const struct id *id);
/* The shortest type that fits: address, subnet, else range. An ID contains one port: a
 * range of ports becomes any port. */
struct id id_from_selector(const struct selector *s);

#endif
