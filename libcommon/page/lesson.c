/* The textbook: what messages, payloads and fields are for, with the section that defines them. */
#include "page/lesson.h"

#include <stdio.h>

/* --- messages --- */

static const struct {
	uint8_t		exchange;
	unsigned	message;	/* 0: any */
	struct lesson	of;
} messages[] = {
	{ EXCHANGE_MAIN, 1, { NULL, "It is in clear: everybody on the path can read it. The responder has not "
	    "chosen its cookie yet, so that field is zero.", "RFC 2409, 5" } },
	{ EXCHANGE_MAIN, 2, { NULL, "It returns exactly one transform, unchanged. From here on both cookies name the "
	    "IKE SA.", "RFC 2409, 5; RFC 2408, 4.2" } },
	{ EXCHANGE_MAIN, 3, { NULL, "KE is the public value g^xi. The nonce is random, so that each negotiation has keys of "
	    "its own. NAT-D payloads are hashes of addresses: they show whether a NAT changes them.",
	    "RFC 2409, 5; RFC 3947, 3.2" } },
	{ EXCHANGE_MAIN, 4, { NULL, "With g^xr both ends compute the same g^xy, and from it SKEYID_d, SKEYID_a and SKEYID_e. "
	    "An observer knows g^xi and g^xr, and cannot compute g^xy from them.", "RFC 2409, 5" } },
	{ EXCHANGE_MAIN, 5, { NULL, "It is the first encrypted message, so an observer does not learn the identity. The hash, or the "
	    "signature of it, covers both public values, the cookies, the proposals and the identity. If it is right, nobody "
	    "changed them on the path.", "RFC 2409, 5" } },
	{ EXCHANGE_MAIN, 6, { NULL, "The IV of every later exchange is a hash of its last encrypted block and the message ID.",
	    "RFC 2409, 5 and appendix B" } },
	{ EXCHANGE_AGGRESSIVE, 1, { NULL, "Aggressive mode has three messages instead of six. The identity is in clear, and the group "
	    "cannot be negotiated.", "RFC 2409, 5" } },
	{ EXCHANGE_AGGRESSIVE, 2, { NULL, "HASH_R is in clear. An observer can record it and try pre-shared keys offline, so the key must be "
	    "long and random.", "RFC 2409, 5" } },
	{ EXCHANGE_AGGRESSIVE, 3, { NULL, "It may be encrypted or in clear. The IKE SA protects every later message.",
	    "RFC 2409, 5" } },
	{ EXCHANGE_QUICK, 1, { NULL, "HASH(1) proves that the message comes from the other end of the IKE SA. The message ID "
	    "identifies the exchange. The two IDs are the networks that the child SA connects. A KE payload means "
	    "perfect forward secrecy (PFS).", "RFC 2409, 5.5" } },
	{ EXCHANGE_QUICK, 2, { NULL, "HASH(2) covers the nonce of message 1, so it cannot be a replayed message. Both ends can now "
	    "compute KEYMAT, the keys of ESP or AH.", "RFC 2409, 5.5" } },
	{ EXCHANGE_QUICK, 3, { NULL, "HASH(3) covers both nonces. It shows the responder that message 1 was not a replay.", "RFC 2409, 5.5" } },
	{ EXCHANGE_QUICK, 4, { NULL, "It carries the notify CONNECTED.", "RFC 2408, 3.1; RFC 2409, 5.5" } },
	{ EXCHANGE_INFO, 0, { NULL, "Under an IKE SA, HASH(1) protects it. If it is in clear, anybody may have sent it, and a receiver "
	    "must not obey it.", "RFC 2409, 5.7" } },
	{ EXCHANGE_TRANSACTION, 1, { NULL, "The exchange is between phase 1 and phase 2. XAuth asks for user name and "
	    "password; mode config assigns an address, name servers and networks.",
	    "draft-dukes-ike-mode-cfg-02; draft-beaulieu-ike-xauth-02" } },
	{ EXCHANGE_TRANSACTION, 2, { NULL, "A REPLY answers a REQUEST, an ACK confirms a SET.",
	    "draft-dukes-ike-mode-cfg-02" } },
};

const struct lesson *
lesson_message(const struct v1_told *m)
{
	size_t i;

	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].exchange == m->msg.hdr.exchange && (messages[i].message == 0 ||
		    messages[i].message == m->message))
			return (&messages[i].of);
	return (NULL);
}

/* --- payloads --- */

static const struct { uint8_t type; struct lesson of; } payloads[] = {
	{ PAYLOAD_SA, { "Security Association", "A list of proposals. A proposal names a protocol, a transform a set of algorithms "
	    "with their lifetime. The answer has the one that was chosen.", "RFC 2408, 3.4 to 3.6; RFC 2407, 4.6.1" } },
	{ PAYLOAD_KE, { "Key Exchange", "The public Diffie-Hellman value of the sender. It is not secret; the private value never "
	    "leaves the sender.", "RFC 2408, 3.7" } },
	{ PAYLOAD_ID, { "Identification", "The identity of the sender. In quick mode: the addresses, protocol and port of the child SA's "
	    "traffic.", "RFC 2407, 4.6.2" } },
	{ PAYLOAD_CERT, { "Certificate", "It binds the identity to the public key that verifies the signature.", "RFC 2408, 3.9" } },
	{ PAYLOAD_CR, { "Certificate Request", "The authority whose certificates the sender accepts.", "RFC 2408, 3.10" } },
	{ PAYLOAD_HASH, { "Hash", "It proves that the sender has the keys, and that nobody changed the message.", "RFC 2409, 5" } },
	{ PAYLOAD_SIG, { "Signature", "HASH_I or HASH_R, signed by the private key of the sender's certificate.", "RFC 2409, 5.1" } },
	{ PAYLOAD_NONCE, { "Nonce", "Random bytes that are used once: a message of an old exchange does not verify in a new one.", "RFC 2408, 3.13" } },
	{ PAYLOAD_N, { "Notification", "An error, or a status that the peer should know.", "RFC 2408, 3.14" } },
	{ PAYLOAD_D, { "Delete", "The sender has deleted the SAs with these SPIs.", "RFC 2408, 3.15" } },
	{ PAYLOAD_VID, { "Vendor ID", "It announces an extension or an implementation, usually as the hash of its name.",
	    "RFC 2408, 3.16" } },
	{ PAYLOAD_ATTR, { "Attributes", "Names and values of mode config and XAuth.", "draft-dukes-ike-mode-cfg-02, 3.2" } },
	{ PAYLOAD_NAT_D, { "NAT Discovery", "The hash of an address and a port as its sender sees them. If it is not the hash of "
	    "those in the packet, a NAT is on the path.", "RFC 3947, 3.2" } },
	{ PAYLOAD_NAT_D_DRAFT, { "NAT Discovery, number of the drafts", "The hash of an address and a port as its sender sees "
	    "them. If it is not the hash of those in the packet, a NAT is on the path.", "RFC 3947, 3.2" } },
	{ PAYLOAD_NAT_OA, { "NAT Original Address", "The address before the NAT. Transport mode needs it for checksums.",
	    "RFC 3947, 5.2" } },
	{ PAYLOAD_NAT_OA_DRAFT, { "NAT Original Address, number of the drafts", "The address before the NAT: transport mode needs "
	    "it for checksums.", "RFC 3947, 5.2" } },
	{ PAYLOAD_FRAG, { "Fragment", "A part of a message that was too large for one datagram.", "MS-IKEE, 2.2.3.4" } },
};

const struct lesson *
lesson_payload(uint8_t type)
{
	static const struct lesson other = { "Payload", "ike-trace does not know this type.", "RFC 2408, 3.1" };
	size_t i;

	for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		if (payloads[i].type == type)
			return (&payloads[i].of);
	return (&other);
}

/* --- fields --- */

#define HDR	PAYLOAD_NONE	/* of the message itself */

static const struct lesson_field fields[] = {
	{ HDR, "Initiator cookie", 0, 8, LESSON_PLAIN, "CKY-I: the initiator's number for this IKE SA" },
	{ HDR, "Responder cookie", 8, 8, LESSON_PLAIN, "CKY-R: the responder's number; zero until it has answered" },
	{ HDR, "Next payload", 16, 1, LESSON_PAYLOAD, "the type of the first payload" },
	{ HDR, "Version", 17, 1, LESSON_VERSION, "major and minor, four bits each" },
	{ HDR, "Exchange type", 18, 1, LESSON_EXCHANGE, "which order of messages this one belongs to" },
	{ HDR, "Flags", 19, 1, LESSON_FLAGS, "E: encrypted, C: commit, A: authentication only" },
	{ HDR, "Message ID", 20, 4, LESSON_PLAIN, "zero in phase 1; else it names the exchange" },
	{ HDR, "Length", 24, 4, LESSON_PLAIN, "bytes of the message with this header" },
	{ PAYLOAD_SA, "DOI", 0, 4, LESSON_DOI, "domain of interpretation: which numbers are used below" },
	{ PAYLOAD_SA, "Situation", 4, 4, LESSON_SITUATION, "what the SA has to consider" },
	{ PAYLOAD_SA, "Proposals", 8, 0, LESSON_PLAIN, "proposal payloads, each with its transforms" },
	{ PAYLOAD_KE, "Key Exchange Data", 0, 0, LESSON_PLAIN, "g^x mod p, as long as the prime; or a point of the curve" },
	{ PAYLOAD_ID, "ID type", 0, 1, LESSON_ID, "what the identification data is" },
	{ PAYLOAD_ID, "Protocol ID", 1, 1, LESSON_PLAIN, "of IP; zero: any" },
	{ PAYLOAD_ID, "Port", 2, 2, LESSON_PLAIN, "of UDP or TCP; zero: any" },
	{ PAYLOAD_ID, "Identification data", 4, 0, LESSON_PLAIN, "the name or the address" },
	{ PAYLOAD_CERT, "Encoding", 0, 1, LESSON_PLAIN, "4 is an X.509 certificate for signatures" },
	{ PAYLOAD_CERT, "Certificate data", 1, 0, LESSON_PLAIN, "DER" },
	{ PAYLOAD_CR, "Type", 0, 1, LESSON_PLAIN, "4 is an X.509 certificate for signatures" },
	{ PAYLOAD_CR, "Certificate authority", 1, 0, LESSON_PLAIN, "its distinguished name in DER; empty: any" },
	{ PAYLOAD_HASH, "Hash data", 0, 0, LESSON_PLAIN, "output of the prf" },
	{ PAYLOAD_SIG, "Signature data", 0, 0, LESSON_PLAIN, "made with the private key" },
	{ PAYLOAD_NONCE, "Nonce data", 0, 0, LESSON_PLAIN, "8 to 256 random bytes" },
	{ PAYLOAD_N, "DOI", 0, 4, LESSON_DOI, "domain of interpretation" },
	{ PAYLOAD_N, "Protocol ID", 4, 1, LESSON_PROTO, "of the SA that it is about" },
	{ PAYLOAD_N, "SPI size", 5, 1, LESSON_PLAIN, "bytes" },
	{ PAYLOAD_N, "Notify message type", 6, 2, LESSON_NOTIFY, "up to 16383 errors, above them status" },
	{ PAYLOAD_N, "SPI, notification data", 8, 0, LESSON_PLAIN, "which SA, and more about it" },
	{ PAYLOAD_D, "DOI", 0, 4, LESSON_DOI, "domain of interpretation" },
	{ PAYLOAD_D, "Protocol ID", 4, 1, LESSON_PROTO, "of the SAs" },
	{ PAYLOAD_D, "SPI size", 5, 1, LESSON_PLAIN, "bytes; 16, both cookies, for an IKE SA" },
	{ PAYLOAD_D, "Number of SPIs", 6, 2, LESSON_PLAIN, "how many SAs are deleted" },
	{ PAYLOAD_D, "SPIs", 8, 0, LESSON_PLAIN, "the sender's inbound SPIs, or the cookies" },
	{ PAYLOAD_VID, "Vendor ID", 0, 0, LESSON_PLAIN, "bytes that name it" },
	{ PAYLOAD_ATTR, "Type", 0, 1, LESSON_CONFIG, "what to do with the attributes" },
	{ PAYLOAD_ATTR, "Identifier", 2, 2, LESSON_PLAIN, "ties the answer to the question" },
	{ PAYLOAD_ATTR, "Attributes", 4, 0, LESSON_PLAIN, "type, and value or length and value" },
	{ PAYLOAD_NAT_D, "Hash", 0, 0, LESSON_PLAIN, "hash(CKY-I | CKY-R | IP | Port)" },
	{ PAYLOAD_NAT_D_DRAFT, "Hash", 0, 0, LESSON_PLAIN, "hash(CKY-I | CKY-R | IP | Port)" },
	{ PAYLOAD_NAT_OA, "ID type", 0, 1, LESSON_ID, "IPv4 or IPv6" },
	{ PAYLOAD_NAT_OA, "Address", 4, 0, LESSON_PLAIN, "before the NAT" },
	{ PAYLOAD_NAT_OA_DRAFT, "ID type", 0, 1, LESSON_ID, "IPv4 or IPv6" },
	{ PAYLOAD_NAT_OA_DRAFT, "Address", 4, 0, LESSON_PLAIN, "before the NAT" },
	{ PAYLOAD_FRAG, "Fragment ID", 0, 2, LESSON_PLAIN, "which message it is a part of" },
	{ PAYLOAD_FRAG, "Sequence number", 2, 1, LESSON_PLAIN, "its place, from 1" },
	{ PAYLOAD_FRAG, "Last fragment", 3, 1, LESSON_PLAIN, "1: it is the last one" },
	{ PAYLOAD_FRAG, "Fragment data", 4, 0, LESSON_PLAIN, "a part of the message, its header included" },
};

const struct lesson_field *
lesson_field(uint8_t type, size_t i)
{
	size_t at;

	for (at = 0; at < sizeof(fields) / sizeof(fields[0]); at++)
		if (fields[at].payload == type && i-- == 0)
			return (&fields[at]);
	return (NULL);
}

static char *
flags(char out[LESSON_VALUE], uint64_t v)
{
	(void)snprintf(out, LESSON_VALUE, "%s%s%s%s", (v & ISAKMP_FLAG_ENCRYPTED) != 0 ? "E " : "",
	    (v & ISAKMP_FLAG_COMMIT) != 0 ? "C " : "", (v & ISAKMP_FLAG_AUTH_ONLY) != 0 ? "A " : "",
	    v == 0 ? "none: in clear" : "");
	return (out);
}

char *
lesson_value(char out[LESSON_VALUE], enum lesson_kind kind, uint64_t v)
{
	static const char *const config[] = { "", "REQUEST", "REPLY", "SET", "ACK" };
	char name[NUM_TEXT];
	const char *text = "";

	switch (kind) {
	case LESSON_FLAGS:
		return (flags(out, v));
	case LESSON_VERSION:
		(void)snprintf(out, LESSON_VALUE, "%u.%u", (unsigned)(v >> 4 & 15), (unsigned)(v & 15));
		return (out);
	case LESSON_PAYLOAD:
		text = isakmp_payload_name((uint8_t)v, name);
		break;
	case LESSON_EXCHANGE:
		text = v1_mode_name((uint8_t)v, name);
		break;
	case LESSON_DOI:
		text = v == DOI_IPSEC ? "IPsec" : v == 0 ? "ISAKMP" : "";
		break;
	case LESSON_SITUATION:
		text = v == SIT_IDENTITY_ONLY ? "identity only" : "";
		break;
	case LESSON_ID:
		text = isakmp_id_name((uint8_t)v, name);
		break;
	case LESSON_NOTIFY:
		text = isakmp_notify_name((uint16_t)v, name);
		break;
	case LESSON_CONFIG:
		text = v < sizeof(config) / sizeof(config[0]) ? config[v] : "";
		break;
	case LESSON_PROTO:
		text = v != 0 ? isakmp_proto_name((uint8_t)v, name) : "";
		break;
	case LESSON_PLAIN:
		break;
	}
	(void)snprintf(out, LESSON_VALUE, "%s", text);
	return (out);
}
