/*
 * Numbers of NHRP with their names: packet types, codes of a CIE, codes of an error indication, extensions, flags
 * (RFC 2332 section 5; types 8 and extension 9 are Cisco's).
 */
#ifndef SAPIPE_NHRP_NUM_H
#define SAPIPE_NHRP_NUM_H

#include <stdint.h>

#define NHRP_ETHERTYPE	0x2001
#define NHRP_VERSION	1
#define NHRP_AFN_IPV4	1
#define NHRP_AFN_IPV6	2
#define NHRP_PROTO_IPV4	0x0800
#define NHRP_PROTO_IPV6	0x86dd
#define NHRP_PROTO_SNAP	0x0080	/* the SNAP field says which protocol */

/* X(number, NAME, words) */
#define NHRP_TYPES(X)							\
	X(1, RESOLUTION_REQUEST, "resolution request")			\
	X(2, RESOLUTION_REPLY, "resolution reply")			\
	X(3, REGISTRATION_REQUEST, "registration request")		\
	X(4, REGISTRATION_REPLY, "registration reply")			\
	X(5, PURGE_REQUEST, "purge request")				\
	X(6, PURGE_REPLY, "purge reply")				\
	X(7, ERROR_INDICATION, "error indication")			\
	X(8, TRAFFIC_INDICATION, "traffic indication")

/* Of a CIE: RFC 2332 section 5.2.0.1. */
#define NHRP_CODES(X)							\
	X(0, OK, "success")						\
	X(4, PROHIBITED, "administratively prohibited")			\
	X(5, NO_RESOURCES, "insufficient resources")			\
	X(12, NO_BINDING, "no binding exists")				\
	X(13, NOT_UNIQUE, "the binding exists but is not unique")	\
	X(14, TAKEN, "the unique address is registered already")

/* Of an error indication: section 5.2.7. */
#define NHRP_ERRORS(X)							\
	X(1, UNKNOWN_EXT, "unrecognized extension")			\
	X(3, LOOP, "loop detected")					\
	X(6, UNREACHABLE, "protocol address unreachable")		\
	X(7, PROTOCOL, "protocol error")				\
	X(8, TOO_BIG, "packet too big")					\
	X(9, BAD_EXT, "invalid extension")				\
	X(10, BAD_REPLY, "invalid resolution reply")			\
	X(11, AUTH, "authentication failure")				\
	X(15, HOPS, "hop count exceeded")

#define NHRP_EXTS(X)							\
	X(0, END, "end")						\
	X(3, RESPONDER, "responder address")				\
	X(4, FORWARD, "forward transit NHS record")			\
	X(5, REVERSE, "reverse transit NHS record")			\
	X(7, AUTH, "authentication")					\
	X(8, VENDOR, "vendor private")					\
	X(9, NAT, "NAT address")

#define X(num, name, words) NHRP_##name = (num),
enum nhrp_type { NHRP_TYPES(X) };
#undef X
#define X(num, name, words) NHRP_CODE_##name = (num),
enum nhrp_code { NHRP_CODES(X) };
#undef X
#define X(num, name, words) NHRP_ERROR_##name = (num),
enum nhrp_error { NHRP_ERRORS(X) };
#undef X
#define X(num, name, words) NHRP_EXT_##name = (num),
enum nhrp_ext_type { NHRP_EXTS(X) };
#undef X

/* What FRR and OpenNHRP send for "no binding" and "loop": never sent here, understood. */
#define NHRP_CODE_NO_BINDING_OLD	11
#define NHRP_ERROR_LOOP_OLD		2

/* Flags, by the type of packet. */
#define NHRP_RES_ROUTER		0x8000	/* resolution: the source is a router */
#define NHRP_RES_AUTHORITATIVE	0x4000
#define NHRP_RES_STABLE		0x2000	/* the destination is */
#define NHRP_RES_UNIQUE		0x1000
#define NHRP_RES_SOURCE_STABLE	0x0800
#define NHRP_REG_UNIQUE		0x8000	/* registration */
#define NHRP_PURGE_NO_REPLY	0x8000	/* purge */
#define NHRP_FLAG_NAT		0x0002	/* resolution, registration: the NAT extension is understood (Cisco) */

#define NHRP_NUM_TEXT	48

/* The words of a number; "type 9" and so on for an unknown one. */
const char *nhrp_type_words(unsigned num, char buf[NHRP_NUM_TEXT]);
const char *nhrp_code_words(unsigned num, char buf[NHRP_NUM_TEXT]);
const char *nhrp_error_words(unsigned num, char buf[NHRP_NUM_TEXT]);
const char *nhrp_ext_words(unsigned num, char buf[NHRP_NUM_TEXT]);

#endif
