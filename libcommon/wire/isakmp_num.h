/*
 * Numbers of ISAKMP, IKEv1 and the IPsec DOI with their names, as IANA
 * registers them. Number and name are in one row, so that printing a number is a look-up.
 */
#ifndef SAPIPE_WIRE_ISAKMP_NUM_H
#define SAPIPE_WIRE_ISAKMP_NUM_H

#include <stdint.h>

#define ISAKMP_VERSION_1	0x10
#define ISAKMP_FLAG_ENCRYPTED	0x01
#define ISAKMP_FLAG_COMMIT	0x02
#define ISAKMP_FLAG_AUTH_ONLY	0x04
#define DOI_IPSEC		1
#define SIT_IDENTITY_ONLY	1

/* RFC 2408 section 3.1; RFC 3947 section 5.1 for NAT-D and NAT-OA; the drafts use private numbers. */
#define ISAKMP_PAYLOADS(X)						\
	X(0, NONE) X(1, SA) X(2, P) X(3, T) X(4, KE) X(5, ID) X(6, CERT)	\
	X(7, CR) X(8, HASH) X(9, SIG) X(10, NONCE) X(11, N) X(12, D)		\
	X(13, VID) X(14, ATTR) X(15, SAK) X(16, SAT) X(17, KD) X(18, SEQ)	\
	X(19, POP) X(20, NAT_D) X(21, NAT_OA)					\
	X(130, NAT_D_DRAFT) X(131, NAT_OA_DRAFT) X(132, FRAG)

/* RFC 2408 section 3.1, RFC 2409 appendix A, draft-ietf-ipsec-isakmp-mode-cfg. */
#define ISAKMP_EXCHANGES(X)						\
	X(0, NONE) X(1, BASE) X(2, MAIN) X(3, AUTH_ONLY) X(4, AGGRESSIVE)	\
	X(5, INFO) X(6, TRANSACTION) X(32, QUICK) X(33, NEW_GROUP)	\
	X(34, ACK_INFO)

#define ISAKMP_PROTOS(X)						\
	X(1, ISAKMP) X(2, AH) X(3, ESP) X(4, IPCOMP)

/* RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706 section 5. */
#define ISAKMP_NOTIFIES(X)						\
	X(1, INVALID_PAYLOAD_TYPE) X(2, DOI_NOT_SUPPORTED)			\
	X(3, SITUATION_NOT_SUPPORTED) X(4, INVALID_COOKIE)			\
	X(5, INVALID_MAJOR_VERSION) X(6, INVALID_MINOR_VERSION)			\
	X(7, INVALID_EXCHANGE_TYPE) X(8, INVALID_FLAGS)				\
	X(9, INVALID_MESSAGE_ID) X(10, INVALID_PROTOCOL_ID) X(11, INVALID_SPI)	\
	X(12, INVALID_TRANSFORM_ID) X(13, ATTRIBUTES_NOT_SUPPORTED)		\
	X(14, NO_PROPOSAL_CHOSEN) X(15, BAD_PROPOSAL_SYNTAX)			\
	X(16, PAYLOAD_MALFORMED) X(17, INVALID_KEY_INFORMATION)			\
	X(18, INVALID_ID_INFORMATION) X(19, INVALID_CERT_ENCODING)		\
	X(20, INVALID_CERTIFICATE) X(21, CERT_TYPE_UNSUPPORTED)			\
	X(22, INVALID_CERT_AUTHORITY) X(23, INVALID_HASH_INFORMATION)		\
	X(24, AUTHENTICATION_FAILED) X(25, INVALID_SIGNATURE)			\
	X(26, ADDRESS_NOTIFICATION) X(27, NOTIFY_SA_LIFETIME)			\
	X(28, CERTIFICATE_UNAVAILABLE) X(29, UNSUPPORTED_EXCHANGE_TYPE)		\
	X(30, UNEQUAL_PAYLOAD_LENGTHS) X(16384, CONNECTED)			\
	X(24576, RESPONDER_LIFETIME) X(24577, REPLAY_STATUS)			\
	X(24578, INITIAL_CONTACT) X(35818, HEARTBEAT)				\
	X(36136, R_U_THERE) X(36137, R_U_THERE_ACK) X(40501, UNITY_LOAD_BALANCE)

/* RFC 2409 appendix A: phase 1 attributes. */
#define IKE_ATTRS(X)							\
	X(1, ENCRYPTION) X(2, HASH) X(3, AUTH) X(4, GROUP) X(5, GROUP_TYPE)	\
	X(11, LIFE_TYPE) X(12, LIFE_DURATION) X(13, PRF) X(14, KEY_LENGTH)

/* RFC 2407 section 4.5, RFC 4304 for ESN: phase 2 attributes. */
#define IPSEC_ATTRS(X)							\
	X(1, LIFE_TYPE) X(2, LIFE_DURATION) X(3, GROUP) X(4, ENCAP_MODE)	\
	X(5, AUTH) X(6, KEY_LENGTH) X(7, KEY_ROUNDS) X(11, ESN)

/* RFC 2407 section 4.5, RFC 3947 section 5.1, draft-ietf-ipsec-udp-encaps. */
#define IPSEC_ENCAPS(X)							\
	X(1, TUNNEL) X(2, TRANSPORT) X(3, UDP_TUNNEL) X(4, UDP_TRANSPORT)	\
	X(61443, UDP_TUNNEL_DRAFT) X(61444, UDP_TRANSPORT_DRAFT)

/* RFC 2407 section 4.6.2.1. */
#define ISAKMP_ID_TYPES(X)						\
	X(1, IPV4_ADDR) X(2, FQDN) X(3, USER_FQDN) X(4, IPV4_ADDR_SUBNET)	\
	X(5, IPV6_ADDR) X(6, IPV6_ADDR_SUBNET) X(7, IPV4_ADDR_RANGE)		\
	X(8, IPV6_ADDR_RANGE) X(9, DER_ASN1_DN) X(10, DER_ASN1_GN) X(11, KEY_ID)

#define LIFE_TYPE_SECONDS	1
#define LIFE_TYPE_KILOBYTES	2

/* RFC 2409 appendix A and the XAuth and hybrid drafts: authentication methods. */
#define IKE_AUTHS(X)							\
	X(1, PSK) X(2, DSS_SIG) X(3, RSA_SIG) X(4, RSA_ENC) X(5, RSA_REV_ENC)	\
	X(9, ECDSA_256) X(10, ECDSA_384) X(11, ECDSA_521)			\
	X(64221, HYBRID_INIT_RSA) X(64222, HYBRID_RESP_RSA)			\
	X(65001, XAUTH_INIT_PSK) X(65002, XAUTH_RESP_PSK)			\
	X(65005, XAUTH_INIT_RSA) X(65006, XAUTH_RESP_RSA)

enum isakmp_payload_type {
#define X(num, name) PAYLOAD_##name = num,
	ISAKMP_PAYLOADS(X)
#undef X
};
enum isakmp_exchange {
#define X(num, name) EXCHANGE_##name = num,
	ISAKMP_EXCHANGES(X)
#undef X
};
enum isakmp_proto {
#define X(num, name) PROTO_##name = num,
	ISAKMP_PROTOS(X)
#undef X
};
enum isakmp_notify_type {
#define X(num, name) NOTIFY_##name = num,
	ISAKMP_NOTIFIES(X)
#undef X
};
enum ike_attr_type {
#define X(num, name) IKE_ATTR_##name = num,
	IKE_ATTRS(X)
#undef X
};
enum ipsec_attr_type {
#define X(num, name) IPSEC_ATTR_##name = num,
	IPSEC_ATTRS(X)
#undef X
};
enum ipsec_encap {
#define X(num, name) ENCAP_##name = num,
	IPSEC_ENCAPS(X)
#undef X
};
enum isakmp_id_type {
#define X(num, name) ID_##name = num,
	ISAKMP_ID_TYPES(X)
#undef X
};
enum ike_auth {
#define X(num, name) AUTH_##name = num,
	IKE_AUTHS(X)
#undef X
};

/*
 * Names as the RFCs spell them ("NO-PROPOSAL-CHOSEN", "KE", "NAT-D", "ID_FQDN"). A number
 * without a name becomes "payload type 99". The result is in ${buf}, of NUM_TEXT
 * bytes, or static.
 */
#define NUM_TEXT 32
const char *isakmp_payload_name(uint8_t n, char buf[NUM_TEXT]);
const char *isakmp_exchange_name(uint8_t n, char buf[NUM_TEXT]);
const char *isakmp_proto_name(uint8_t n, char buf[NUM_TEXT]);
const char *isakmp_notify_name(uint16_t n, char buf[NUM_TEXT]);
const char *isakmp_id_name(uint8_t n, char buf[NUM_TEXT]);
const char *ike_auth_name(uint16_t n, char buf[NUM_TEXT]);
const char *ike_attr_name(uint16_t n, char buf[NUM_TEXT]);
const char *ipsec_attr_name(uint16_t n, char buf[NUM_TEXT]);
const char *ipsec_encap_name(uint16_t n, char buf[NUM_TEXT]);

#endif
