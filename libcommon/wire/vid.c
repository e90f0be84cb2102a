/* The table of vendor IDs and its look-ups. */
#include "wire/vid.h"

/* A string literal's bytes, NUL left out. */
#define B(s) { (const uint8_t *)(s), sizeof(s) - 1 }

/*
 * If ${text} is given, the bytes start with its MD5 (XAUTH, Unity and Altiga truncate it), and
 * versions or capabilities may follow. A longer prefix is listed before a shorter one that it
 * starts with.
 */
static const struct vid rows[] = {
	/* NAT traversal: RFC 3947 section 3.1 and the drafts before it. */
	{ VID_NATT_RFC3947, "NAT-T RFC 3947", "RFC 3947",
	    B("\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f"), false },
	{ VID_NATT_DRAFT_03, "NAT-T draft-03", "draft-ietf-ipsec-nat-t-ike-03",
	    B("\x7d\x94\x19\xa6\x53\x10\xca\x6f\x2c\x17\x9d\x92\x15\x52\x9d\x56"), false },
	{ VID_NATT_DRAFT_02_N, "NAT-T draft-02 (newline)", "draft-ietf-ipsec-nat-t-ike-02\n",
	    B("\x90\xcb\x80\x91\x3e\xbb\x69\x6e\x08\x63\x81\xb5\xec\x42\x7b\x1f"), false },
	{ VID_NATT_DRAFT_02, "NAT-T draft-02", "draft-ietf-ipsec-nat-t-ike-02",
	    B("\xcd\x60\x46\x43\x35\xdf\x21\xf8\x7c\xfd\xb2\xfc\x68\xb6\xa4\x48"), false },
	{ VID_NATT_DRAFT_01, "NAT-T draft-01", "draft-ietf-ipsec-nat-t-ike-01",
	    B("\x16\xf6\xca\x16\xe4\xa4\x06\x6d\x83\x82\x1a\x0f\x0a\xea\xa8\x62"), false },
	{ VID_NATT_DRAFT_00, "NAT-T draft-00", "draft-ietf-ipsec-nat-t-ike-00",
	    B("\x44\x85\x15\x2d\x18\xb6\xbb\xcd\x0b\xe8\xa8\x46\x95\x79\xdd\xcc"), false },
	/* Drafts that we do not need: peers that announce them also announce one above. */
	{ VID_FEATURE, "NAT-T draft-04", "draft-ietf-ipsec-nat-t-ike-04",
	    B("\x99\x09\xb6\x4e\xed\x93\x7c\x65\x73\xde\x52\xac\xe9\x52\xfa\x6b"), false },
	{ VID_FEATURE, "NAT-T draft-05", "draft-ietf-ipsec-nat-t-ike-05",
	    B("\x80\xd0\xbb\x3d\xef\x54\x56\x5e\xe8\x46\x45\xd4\xc8\x5c\xe3\xee"), false },
	{ VID_FEATURE, "NAT-T draft-06", "draft-ietf-ipsec-nat-t-ike-06",
	    B("\x4d\x1e\x0e\x13\x6d\xea\xfa\x34\xc4\xf3\xea\x9f\x02\xec\x72\x85"), false },
	{ VID_FEATURE, "NAT-T draft-07", "draft-ietf-ipsec-nat-t-ike-07",
	    B("\x43\x9b\x59\xf8\xba\x67\x6c\x4c\x77\x37\xae\x22\xea\xb8\xf5\x82"), false },
	{ VID_FEATURE, "NAT-T draft-08", "draft-ietf-ipsec-nat-t-ike-08",
	    B("\x8f\x8d\x83\x82\x6d\x24\x6b\x6f\xc7\xa8\xa6\xa4\x28\xc1\x1d\xe8"), false },
	{ VID_FEATURE, "NAT-T (Mac OS X)", "draft-ietf-ipsec-nat-t-ike",
	    B("\x4d\xf3\x79\x28\xe9\xfc\x4f\xd1\xb3\x26\x21\x70\xd5\x15\xc6\x62"), false },
	{ VID_FEATURE, "NAT-T draft-stenberg-01", "draft-stenberg-ipsec-nat-traversal-01",
	    B("\x27\xba\xb5\xdc\x01\xea\x07\x60\xea\x4e\x31\x90\xac\x27\xc0\xd0"), false },
	{ VID_FEATURE, "NAT-T draft-stenberg-02", "draft-stenberg-ipsec-nat-traversal-02",
	    B("\x61\x05\xc4\x22\xe7\x68\x47\xe4\x3f\x96\x84\x80\x12\x92\xae\xcd"), false },
	{ VID_FEATURE, "NAT-T draft-huttunen-00", "draft-huttunen-ipsec-esp-in-udp-00.txt",
	    B("\x6a\x74\x34\xc1\x9d\x7e\x36\x34\x80\x90\xa0\x23\x34\xc9\xc8\x05"), false },
	{ VID_FEATURE, "ESPThruNAT", "ESPThruNAT",
	    B("\x50\x76\x0f\x62\x4c\x63\xe5\xc5\x3e\xea\x38\x6c\x68\x5c\xa0\x83"), false },

	/* RFC 3706 section 5.1: 14 bytes, then major version 1, minor 0. */
	{ VID_DPD, "DPD", NULL,
	    B("\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x01\x00"), false },
	/* The hello interval in milliseconds follows. */
	{ VID_HEARTBEAT, "IKE heartbeat (sapipe)", "sapipe heartbeat",
	    B("\x6d\x15\x0a\x0e\x95\x04\x50\x5b\x83\x1b\x21\x29\x1f\x92\xa8\x13"), true },
	{ VID_XAUTH, "XAuth", "draft-ietf-ipsra-isakmp-xauth-06.txt",
	    B("\x09\x00\x26\x89\xdf\xd6\xb7\x12"), false },
	/* The last two bytes are a version; 1.0 is what everyone sends. */
	{ VID_UNITY, "Cisco Unity", "CISCO-UNITY",
	    B("\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc\x01\x00"), false },
	{ VID_UNITY, "Cisco Unity", "CISCO-UNITY",
	    B("\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc"), true },
	/* Four bytes of capabilities may follow. */
	{ VID_FRAGMENTATION, "FRAGMENTATION", "FRAGMENTATION",
	    B("\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3"), true },
	{ VID_FEATURE, "GSSAPI", "GSSAPI",
	    B("\x62\x1b\x04\xbb\x09\x88\x2a\xc1\xe1\x59\x35\xfe\xfa\x24\xae\xee"), false },
	{ VID_FEATURE, "MS-Negotiation Discovery Capable", "MS-Negotiation Discovery Capable",
	    B("\xfb\x1d\xe3\xcd\xf3\x41\xb7\xea\x16\xb7\xe5\xbe\x08\x55\xf1\x20"), false },
	{ VID_FEATURE, "Vid-Initial-Contact", "Vid-Initial-Contact",
	    B("\x26\x24\x4d\x38\xed\xdb\x61\xb3\x17\x2a\x36\xe3\xd0\xcf\xb8\x19"), false },
	{ VID_FEATURE, "IKE CGA version 1", "IKE CGA version 1",
	    B("\xe3\xa5\x96\x6a\x76\x37\x9f\xe7\x07\x22\x82\x31\xe5\xce\x86\x52"), false },

	/* Products. */
	{ VID_IMPLEMENTATION, "strongSwan", "strongSwan",
	    B("\x88\x2f\xe5\x6d\x6f\xd2\x0d\xbc\x22\x51\x61\x3b\x2e\xbe\x5b\xeb"), false },
	{ VID_IMPLEMENTATION, "Libreswan", NULL, B("OE-Libreswan-"), true },
	/* "OE" and ten printable characters made from the version. */
	{ VID_IMPLEMENTATION, "Openswan", NULL, B("OE"), true },
	{ VID_IMPLEMENTATION, "racoon", "KAME/racoon",
	    B("\x70\x03\xcb\xc1\x09\x7d\xbe\x9c\x26\x00\xba\x69\x83\xbc\x8b\x35"), false },
	{ VID_IMPLEMENTATION, "racoon (IPsec-Tools)", "IPSec-Tools",
	    B("\x20\xa3\x62\x2c\x1c\xea\x7c\xe3\x7b\xee\x3c\xa4\x84\x42\x52\x76"), false },
	{ VID_IMPLEMENTATION, "Windows", "MS NT5 ISAKMPOAKLEY",
	    B("\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61"), true },
	{ VID_IMPLEMENTATION, "Cisco VPN 3000", "ALTIGA GATEWAY",
	    B("\x1f\x07\xf7\x0e\xaa\x65\x14\xd3\xb0\xfa\x96\x54\x2a\x50"), true },
	{ VID_IMPLEMENTATION, "Check Point", NULL,
	    B("\xf4\xed\x19\xe0\xc1\x14\xeb\x51\x6f\xaa\xac\x0e\xe3\x7d\xaf\x28\x07\xb4\x38\x1f"),
	    true },
	{ VID_IMPLEMENTATION, "FortiGate", NULL,
	    B("\x82\x99\x03\x17\x57\xa3\x60\x82\xc6\xa6\x21\xde"), true },
	/* ScreenOS: its heartbeat's name in clear, and the digests of some models. */
	{ VID_IMPLEMENTATION, "ScreenOS", NULL, B("HeartBeat_Notify"), true },
	{ VID_IMPLEMENTATION, "ScreenOS", NULL,
	    B("\x16\x6f\x93\x2d\x55\xeb\x64\xd8\xe4\xdf\x4f\xd3\x7e\x23\x13\xf0\xd0\xfd\x84\x51"),
	    true },
	{ VID_IMPLEMENTATION, "Juniper", NULL,
	    B("\x69\x93\x69\x22\x87\x41\xc6\xd4\xca\x09\x4c\x93\xe2\x42\xc9\xde\x19\xe7\xb7\xc6"),
	    true },
	{ VID_IMPLEMENTATION, "SonicWALL", NULL, B("\x40\x4b\xf4\x39\x52\x2c\xa3\xf6"), false },
	{ VID_IMPLEMENTATION, "Shrew Soft", NULL,
	    B("\xf1\x4b\x94\xb7\xbf\xf1\xfe\xf0\x27\x73\xb8\xc4\x9f\xed\xed\x26"), false },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
#define OPENSWAN_LEN 12

const struct vid *
vid_find(struct span body)
{
	const struct vid *v;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		v = &rows[i];
		if (body.len < v->bytes.len || memcmp(body.p, v->bytes.p, v->bytes.len) != 0)
			continue;
		/* Two letters are weak evidence: the length must fit as well. */
		if (v->bytes.len == 2 && body.len != OPENSWAN_LEN)
			continue;
		if (v->prefix || body.len == v->bytes.len)
			return (v);
	}
	return (NULL);
}

const struct vid *
vid_of(enum vid_kind kind)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (rows[i].kind == kind)
			return (&rows[i]);
	return (NULL);
}

const struct vid *
vid_row(size_t i)
{
	return (i < ROWS ? &rows[i] : NULL);
}
