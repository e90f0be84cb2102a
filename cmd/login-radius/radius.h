/*
 * Packets of RADIUS (RFC 2865, RFC 2866): Access-Requests with a Message-Authenticator (RFC 3579 section 3.2),
 * Accounting-Requests, replies that are checked. No I/O. libradcli is not used: version 1.2.11 accepts a reply whose authenticator is wrong.
 */
#ifndef SAPIPE_LOGIN_RADIUS_H
#define SAPIPE_LOGIN_RADIUS_H

#include "base/fault.h"
#include "base/span.h"

#define RADIUS_PORT		1812
#define RADIUS_ACCOUNT_PORT	1813
#define RADIUS_MAX		4096	/* bytes of a packet */
#define RADIUS_VALUE_MAX	253	/* bytes of an attribute's value */
#define RADIUS_PASSWORD_MAX	128

enum radius_code {
	RADIUS_REQUEST = 1, RADIUS_ACCEPT = 2, RADIUS_REJECT = 3, RADIUS_ACCOUNT_REQUEST = 4, RADIUS_ACCOUNT_RESPONSE = 5,
	RADIUS_CHALLENGE = 11,
};

enum radius_attr {
	RADIUS_USER_NAME = 1, RADIUS_USER_PASSWORD = 2, RADIUS_CHAP_PASSWORD = 3, RADIUS_SERVICE_TYPE = 6,
	RADIUS_FRAMED_IP_ADDRESS = 8, RADIUS_REPLY_MESSAGE = 18, RADIUS_STATE = 24, RADIUS_CLASS = 25,
	RADIUS_CALLED_STATION_ID = 30, RADIUS_CALLING_STATION_ID = 31, RADIUS_NAS_IDENTIFIER = 32,
	RADIUS_ACCT_STATUS_TYPE = 40, RADIUS_ACCT_DELAY_TIME = 41, RADIUS_ACCT_INPUT_OCTETS = 42,
	RADIUS_ACCT_OUTPUT_OCTETS = 43, RADIUS_ACCT_SESSION_ID = 44, RADIUS_ACCT_SESSION_TIME = 46,
	RADIUS_ACCT_INPUT_PACKETS = 47, RADIUS_ACCT_OUTPUT_PACKETS = 48, RADIUS_ACCT_TERMINATE_CAUSE = 49,
	RADIUS_ACCT_INPUT_GIGAWORDS = 52, RADIUS_ACCT_OUTPUT_GIGAWORDS = 53, RADIUS_EVENT_TIMESTAMP = 55,
	RADIUS_CHAP_CHALLENGE = 60, RADIUS_NAS_PORT_TYPE = 61, RADIUS_MESSAGE_AUTHENTICATOR = 80,
	RADIUS_ACCT_INTERIM_INTERVAL = 85, RADIUS_FRAMED_IPV6_ADDRESS = 168,
};

struct radius {			/* a packet */
	size_t	len;
	bool	bad;		/* an attribute did not fit */
	uint8_t	b[RADIUS_MAX];
};

/* A request, RADIUS_REQUEST or RADIUS_ACCOUNT_REQUEST, with random identifier. 0 or -1. */
int radius_begin(struct radius *p, enum radius_code code, struct fault *f);
/* Adds an attribute; one that is too long sets ${p}->bad. */
void radius_put(struct radius *p, enum radius_attr type, struct span value);
void radius_put_number(struct radius *p, enum radius_attr type, uint32_t value);
/* Adds the password, hidden under the secret (RFC 2865 section 5.2). 0 or -1. */
int radius_put_password(struct radius *p, struct span password, struct span secret, struct fault *f);
/* Fills in length and Message-Authenticator, or the authenticator of accounting: ready to be sent. 0, or -1. */
int radius_seal(struct radius *p, struct span secret, struct fault *f);
/*
 * Whether ${reply} is the answer of the owner of ${secret} to ${request}. With ${need} it must have a Message-Authenticator;
 * one that is there must be right in any case. 0, or -1 with FAULT_PROTOCOL.
 */
int radius_check(const struct radius *request, const struct radius *reply, struct span secret, bool need, struct fault *f);
/* The first attribute of ${type} of a packet that was checked. False: none. */
bool radius_find(const struct radius *p, enum radius_attr type, struct span *value);
/*
 * The next attribute of ${attrs}, bytes of a packet or those that somebody kept of one, from ${*at} (0 at first). False: there
 * is none, or it is malformed.
 */
bool radius_next(struct span attrs, size_t *at, uint8_t *type, struct span *value);
/* The attributes of a packet that was checked. */
struct span radius_attrs(const struct radius *p);

#endif
