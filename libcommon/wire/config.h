/*
 * The attributes payload (14) of the transaction exchange: mode config (draft-dukes-ike-mode-cfg-02), XAuth
 * (draft-beaulieu-ike-xauth-02), Cisco's Unity and Check Point's numbers. Syntax and numbers only; ike/v1 decides
 * what an attribute means.
 */
#ifndef SAPIPE_WIRE_CONFIG_H
#define SAPIPE_WIRE_CONFIG_H

#include "wire/isakmp.h"
#include "wire/rd.h"

#define CONFIG_ATTRS_MAX	128	/* attributes accepted in one payload */
#define CONFIG_BODY_MAX		8192	/* bytes of a payload that this end sends */

enum config_type { CONFIG_REQUEST = 1, CONFIG_REPLY = 2, CONFIG_SET = 3, CONFIG_ACK = 4 };

enum config_attr {
	CONFIG_IP4_ADDRESS = 1, CONFIG_IP4_NETMASK = 2, CONFIG_IP4_DNS = 3, CONFIG_IP4_NBNS = 4,
	CONFIG_ADDRESS_EXPIRY = 5, CONFIG_IP4_DHCP = 6, CONFIG_APPLICATION_VERSION = 7, CONFIG_IP6_ADDRESS = 8,
	CONFIG_IP6_NETMASK = 9, CONFIG_IP6_DNS = 10, CONFIG_IP6_NBNS = 11, CONFIG_IP6_DHCP = 12,
	CONFIG_IP4_SUBNET = 13, CONFIG_SUPPORTED = 14, CONFIG_IP6_SUBNET = 15,
	/* XAuth */
	CONFIG_XAUTH_TYPE = 16520, CONFIG_XAUTH_USER = 16521, CONFIG_XAUTH_PASSWORD = 16522,
	CONFIG_XAUTH_PASSCODE = 16523, CONFIG_XAUTH_MESSAGE = 16524, CONFIG_XAUTH_CHALLENGE = 16525,
	CONFIG_XAUTH_DOMAIN = 16526, CONFIG_XAUTH_STATUS = 16527, CONFIG_XAUTH_NEXT_PIN = 16528,
	CONFIG_XAUTH_ANSWER = 16529,
	/* Check Point's own numbers of XAuth's TYPE to STATUS, which overlap those of mode config */
	CONFIG_CHECK_POINT_TYPE = 13, CONFIG_CHECK_POINT_STATUS = 20,
	CONFIG_UNITY_BANNER = 28672, CONFIG_UNITY_SAVE_PASSWD = 28673, CONFIG_UNITY_DEF_DOMAIN = 28674,
	CONFIG_UNITY_SPLITDNS = 28675, CONFIG_UNITY_SPLIT_INCLUDE = 28676, CONFIG_UNITY_NATT_PORT = 28677,
	CONFIG_UNITY_LOCAL_LAN = 28678, CONFIG_UNITY_PFS = 28679, CONFIG_UNITY_FW_TYPE = 28680,
	CONFIG_UNITY_BACKUP_SERVERS = 28681, CONFIG_UNITY_DDNS_HOSTNAME = 28682,
};

/* XAUTH_TYPE and XAUTH_STATUS, which are basic attributes. */
enum config_xauth_type { XAUTH_GENERIC = 0, XAUTH_CHAP = 1, XAUTH_OTP = 2, XAUTH_SKEY = 3 };
enum config_xauth_status { XAUTH_FAIL = 0, XAUTH_OK = 1 };

struct config {
	uint8_t		type;		/* enum config_type, or another number */
	uint16_t	id;		/* the answer repeats that of the question */
	struct rd	attrs;		/* for config_next() */
};

/*
 * Parses a payload's body and all its attributes once, so that config_next() over ${c}->attrs meets no malformed one.
 * Points into ${body}. 0, or -1 with FAULT_MALFORMED or FAULT_TOO_LARGE and the offset.
 */
int config_get(struct config *c, struct span body, struct fault *f);
/* The next attribute of ${r}, a copy of the reader above. False: there is none. */
bool config_next(struct rd *r, struct isakmp_attr *a);
/* The first attribute of ${type}; false: there is none. */
bool config_find(const struct config *c, uint16_t type, struct isakmp_attr *a);
/* Whether ${c} has an attribute of XAuth; with ${check_point}, one by the numbers of Check Point as well. */
bool config_is_xauth(const struct config *c, bool check_point);
/* The number of XAuth's attribute ${type}, which may be Check Point's. */
uint16_t config_xauth_number(uint16_t type);
/* Check Point's number of XAuth's attribute ${type}; 0: it has none. */
uint16_t config_check_point_number(uint16_t type);

/* "INTERNAL_IP4_ADDRESS", as the drafts and Cisco write them; a number without a name becomes "attribute 99". In ${buf}, or static. */
const char *config_attr_name(uint16_t type, char buf[NUM_TEXT]);

/* The head of a body; attributes follow by isakmp_attr_put() and isakmp_attr_put_bytes(). */
void config_begin(struct wr *w, uint8_t type, uint16_t id);

/* Bytes of a network: address and mask; in UNITY_SPLIT_INCLUDE and UNITY_LOCAL_LAN protocol and ports follow. */
#define CONFIG_NET_LEN		8
#define CONFIG_UNITY_NET_LEN	14

#endif
