/* Identities: the body of ID payloads (RFC 2407 section 4.6.2) and their text. */
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
 * From the body of an ID payload. The data must fit its type: length, contiguous mask, first
 * address not above last, DER without a byte too many, at least one byte of a name. 0, or -1
 * with FAULT_MALFORMED (unknown type, wrong data) or FAULT_TOO_LARGE; ${id} is then none.
 */
int id_get(struct id *id, struct span body, struct fault *f);
/* Writes type, protocol, port and data: the payload's body. */
void id_put(struct wr *w, const struct id *id);

/*
 * Text to id; protocol and port are any. `192.0.2.1`, `2001:db8::1`, `10.0.0.0/8`,
 * `10.0.0.1-10.0.0.9`, `gw.example` (FQDN; `@gw.example` too), `alice@example` (user FQDN),
 * `C=CH, O=x, CN=y` (DN; the order as written is the order in DER; `+` joins values of one
 * RDN), `keyid:HEX`. A prefix `fqdn:`, `user:`, `dn:`, `gn:` or `keyid:` forces the type;
 * what follows `keyid:` and is no hex is taken as text. In names `\xNN` is a byte and `\\` a
 * backslash; in DNs a backslash takes any special character as it is, `#HEX` is DER.
 * 0, or -1 with FAULT_BAD_ID; ${id} is then none.
 */
int id_parse(struct id *id, const char *text, struct fault *f);
/*
 * The text of an id, which id_parse() reads back to an equal one, with a prefix only where
 * the type would be guessed wrong. Plain ASCII: other bytes as \xNN. "none" for type 0.
 * Protocol and port are left out.
 */
char *id_text(char out[ID_TEXT], const struct id *id);
/* The same without prefix, as the SA state has it: id_from_words() reads it back. */
char *id_value(char out[ID_TEXT], const struct id *id);

/* The words of the state schema: "ipv4", "subnet", "fqdn", "dn", ...; NULL if none fits. */
const char *id_type_word(uint8_t type);
/* The reverse, with the value as the state has it (id_value(); key-id in hex). */
int id_from_words(struct id *id, const char *type, const char *value, struct fault *f);

/* Type and data. DNs as X.509 compares them (RFC 5280 section 7.1): case, blanks and string
 * types don't matter. FQDNs and user FQDNs without regard to case. Protocol and port: not. */
bool id_eq(const struct id *a, const struct id *b);

struct id id_from_addr(const struct addr *a);
/* Address, subnet and range IDs with protocol and port; -1 if it is none of these. */
int id_to_selector(struct selector *s, const struct id *id);
/* The shortest type that fits: address, subnet, else range. An ID has room for one port: a
 * range of ports becomes any port. */
struct id id_from_selector(const struct selector *s);

#endif
