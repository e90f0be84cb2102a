/*
 * The extensions of an AutoConnect VPN: how a spoke describes itself when it registers, and the Resolution-set and Resolution-ack by
 * which the hub makes two spokes build a tunnel of their own. They are vendor-private extensions (RFC 2332, 5.3.8) of ours: the wire
 * form of the messages that ScreenOS has of these names is not public.
 *
 * The data of the extension: 3 bytes ACVPN_OUI, version 1, the kind, attributes. An attribute: type, length in 2 bytes, value.
 * A decoder skips attributes that it does not know.
 */
#ifndef SAPIPE_NHRP_ACVPN_H
#define SAPIPE_NHRP_ACVPN_H

#include "nhrp/ext.h"
#include "sa/record.h"

#define ACVPN_OUI	0x025350	/* locally administered */
#define ACVPN_VERSION	1
#define ACVPN_NETS	32
#define ACVPN_EXT_MAX	1024		/* bytes of the data */

/* X(number, NAME, words) */
#define ACVPN_KINDS(X)						\
	X(1, OFFER, "offer")					\
	X(2, SET, "resolution-set")				\
	X(3, ACK, "resolution-ack")

/* X(number, NAME, words, least length, greatest length) */
#define ACVPN_ATTRS(X)						\
	X(1, REGISTRATION, "registration", 4, 4)		\
	X(2, SERIAL, "serial", 4, 4)				\
	X(3, NBMA, "NBMA address", 4, 16)			\
	X(4, PROTO, "tunnel address", 4, 16)			\
	X(5, NET, "network", 5, 17)				\
	X(6, CERT, "certificate SHA-256", 32, 32)		\
	X(7, ROLE, "role", 1, 1)				\
	X(8, HOLDING, "holding time", 2, 2)			\
	X(9, IDLE, "idle time", 4, 4)				\
	X(10, IKE, "IKE proposals", 1, 127)			\
	X(11, ESP, "ESP proposals", 1, 127)			\
	X(12, IKE_LIFETIME, "IKE lifetime", 4, 4)		\
	X(13, ESP_LIFETIME, "ESP lifetime", 4, 4)		\
	X(14, CODE, "code", 1, 1)				\
	X(15, INNER, "NBMA address behind its NAT", 4, 16)

#define X(num, name, words) ACVPN_##name = (num),
enum acvpn_kind { ACVPN_KINDS(X) };
#undef X
#define X(num, name, words, least, most) ACVPN_ATTR_##name = (num),
enum acvpn_attr { ACVPN_ATTRS(X) ACVPN_ATTR_END };
#undef X

/* BOTH: each end is behind a NAT, which its own first message opens. */
enum acvpn_role { ACVPN_INITIATOR = 1, ACVPN_RESPONDER = 2, ACVPN_BOTH = 3 };

struct acvpn {
	uint8_t		kind;		/* enum acvpn_kind */
	uint32_t	has;		/* bit 1 << enum acvpn_attr of each attribute that is there */
	uint32_t	registration;	/* request ID of the registration that the hub answered last */
	uint32_t	serial;		/* of the set, of the ack that answers it */
	struct addr	nbma, proto;	/* the peer's; NBMA: its outer address as the hub sees it */
	struct addr	inner;		/* ... and its own, if there is a NAT */
	struct nhrp_net nets[ACVPN_NETS];	/* networks behind the peer, or the sender of an offer */
	size_t		n_nets;
	uint8_t		cert[32];	/* SHA-256 of the certificate, DER */
	uint8_t		role;		/* of the receiver: enum acvpn_role */
	uint16_t	holding;	/* seconds */
	uint32_t	idle;		/* seconds without packets that end the tunnel */
	struct sa_profile profile;	/* of the tunnel */
	uint8_t		code;		/* enum nhrp_code */
};

/* Decodes the data of ${e}. 0; -1: it is of another vendor or version, malformed, of an unknown kind, or without what its kind needs. */
int acvpn_get(struct acvpn *a, const struct nhrp_ext *e);
/* The first extension of ${kind} in ${p}. 0 or -1. */
int acvpn_find(struct acvpn *a, const struct nhrp_packet *p, enum acvpn_kind kind);
/* Writes the data of an extension with the attributes ${a}->has. Its length; 0: it does not fit ${cap}. */
size_t acvpn_put(uint8_t *out, size_t cap, const struct acvpn *a);
/* Appends it as an extension to ${p}; ${buf} is kept until ${p} is encoded. 0 or -1. */
int acvpn_add(struct nhrp_packet *p, const struct acvpn *a, uint8_t buf[ACVPN_EXT_MAX]);

static inline bool
acvpn_has(const struct acvpn *a, enum acvpn_attr t)
{
	return ((a->has & UINT32_C(1) << t) != 0);
}
static inline void
acvpn_set(struct acvpn *a, enum acvpn_attr t)
{
	a->has |= UINT32_C(1) << t;
}

/* Its words, separated by ", ", in ${out} of ${cap} bytes. */
char *acvpn_words(char *out, size_t cap, const struct acvpn *a);

#endif
