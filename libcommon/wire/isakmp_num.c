/* Names of ISAKMP numbers. */
#include "wire/isakmp_num.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct num_name {
	uint16_t	 num;
	const char	*name;
};

#define X(num, name) { num, #name },
static const struct num_name payloads[] = { ISAKMP_PAYLOADS(X) };
static const struct num_name exchanges[] = { ISAKMP_EXCHANGES(X) };
static const struct num_name protos[] = { ISAKMP_PROTOS(X) };
static const struct num_name notifies[] = { ISAKMP_NOTIFIES(X) };
static const struct num_name ike_attrs[] = { IKE_ATTRS(X) };
static const struct num_name ipsec_attrs[] = { IPSEC_ATTRS(X) };
static const struct num_name encaps[] = { IPSEC_ENCAPS(X) };
static const struct num_name auths[] = { IKE_AUTHS(X) };
#undef X
/* RFC 2407 writes these with underscores, unlike the rest. */
#define X(num, name) { num, "ID_" #name },
static const struct num_name ids[] = { ISAKMP_ID_TYPES(X) };
#undef X

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The name of ${num}, C's underscores turned into the hyphens of the RFCs. */
static const char *
name(const struct num_name *rows, size_t n, unsigned num, const char *what, char buf[NUM_TEXT])
{
	char *p;
	size_t i;

	for (i = 0; i < n; i++)
		if (rows[i].num == num)
			break;
	if (i == n) {
		(void)snprintf(buf, NUM_TEXT, "%s %u", what, num);
		return (buf);
	}
	if (rows == ids)
		return (rows[i].name);
	(void)snprintf(buf, NUM_TEXT, "%s", rows[i].name);
	for (p = buf; (p = strchr(p, '_')) != NULL; p++)
		*p = '-';
	return (buf);
}

const char *
isakmp_payload_name(uint8_t n, char buf[NUM_TEXT])
{
	return (name(payloads, LEN(payloads), n, "payload type", buf));
}

const char *
isakmp_exchange_name(uint8_t n, char buf[NUM_TEXT])
{
	return (name(exchanges, LEN(exchanges), n, "exchange type", buf));
}

const char *
isakmp_proto_name(uint8_t n, char buf[NUM_TEXT])
{
	return (name(protos, LEN(protos), n, "protocol", buf));
}

const char *
isakmp_notify_name(uint16_t n, char buf[NUM_TEXT])
{
	return (name(notifies, LEN(notifies), n, "notify type", buf));
}

const char *
isakmp_id_name(uint8_t n, char buf[NUM_TEXT])
{
	return (name(ids, LEN(ids), n, "ID type", buf));
}

const char *
ike_auth_name(uint16_t n, char buf[NUM_TEXT])
{
	return (name(auths, LEN(auths), n, "auth method", buf));
}

const char *
ike_attr_name(uint16_t n, char buf[NUM_TEXT])
{
	return (name(ike_attrs, LEN(ike_attrs), n, "attribute", buf));
}

const char *
ipsec_attr_name(uint16_t n, char buf[NUM_TEXT])
{
	return (name(ipsec_attrs, LEN(ipsec_attrs), n, "attribute", buf));
}

const char *
ipsec_encap_name(uint16_t n, char buf[NUM_TEXT])
{
	return (name(encaps, LEN(encaps), n, "mode", buf));
}
