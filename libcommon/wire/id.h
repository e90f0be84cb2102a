/* Identities: the body of ID payloads (RFC 2407 section 4.6.2) and their text. */
#ifndef SAPIPE_WIRE_ID_H
#define SAPIPE_WIRE_ID_H

#include "base/addr.h"
#include "base/fault.h"
#include "wire/isakmp_num.h"
#include "wire/wr.h"

#define ID_MAX	1024	/* bytes of identification data; a long DN has some 300 */
#define ID_TEXT	2400	/* room for the text of any id */

struct id {
	uint8_t		type;		/* enum isakmp_id_type; 0: none */
	uint8_t		proto;		/* IP protocol, 0: any */
	uint16_t	port;		/* 0: any */
	uint16_t	len;
	uint8_t		data[ID_MAX];	/* as on the wire; a DN in DER */
};

/* From the body of an ID payload; checks the length against the type. */
int id_get(struct id *id, struct span body, struct fault *f);
/* Writes type, protocol, port and data: the payload's body. */
void id_put(struct wr *w, const struct id *id);

/*
 * Text to id: `192.0.2.1`, `2001:db8::1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, `gw.example`
 * (FQDN; `@gw.example` too), `alice@example` (user FQDN), `C=CH, O=x, CN=y` (DN, first is
 * outermost as strongSwan and RFC 2253 reversed do: the order as written is the order in
 * DER), `keyid:HEX`; a prefix `fqdn:`, `user:`, `dn:` or `keyid:` forces the type, and
 * `keyid:` with text that is no hex is taken as that text. 0, or -1 with FAULT_BAD_ID.
 */
int id_parse(struct id *id, const char *text, struct fault *f);
/* Text of the value alone, as id_parse() takes it; unprintable bytes as \xNN. */
char *id_text(char out[ID_TEXT], const struct id *id);

/* The words of the state schema: "ipv4", "subnet", "fqdn", "dn", ...; NULL if none fits. */
const char *id_type_word(uint8_t type);
/* The reverse, with the value as the state has it; key-id in hex. */
int id_from_words(struct id *id, const char *type, const char *value, struct fault *f);

bool id_eq(const struct id *a, const struct id *b);	/* type and data; DNs by DER */

struct id id_from_addr(const struct addr *a);
/* Address, subnet and range IDs with protocol and port; -1 if it is none. */
int id_to_selector(struct selector *s, const struct id *id);
/* The shortest type that fits: address, subnet, else range. */
struct id id_from_selector(const struct selector *s);

#endif
