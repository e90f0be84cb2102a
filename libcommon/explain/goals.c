/* The results of each subcommand, depending on the given inputs. */
#include "explain/goals.h"

#include "base/hex.h"
#include "explain/goal_dh.h"
#include "wire/vid.h"

static int
goal_cookie(struct calc *c, struct fault *f)
{
	return (calc_result(c, V_COOKIE, c->responder ? "CKY-R" : "CKY-I", f));
}

static int
goal_skeyid(struct calc *c, struct fault *f)
{
	static const enum val all[] = { V_SKEYID, V_SKEYID_D, V_SKEYID_A, V_SKEYID_E };
	bool derived = c->has[V_SKEYID_D] && c->has[V_SKEYID_A] && c->has[V_SKEYID_E];
	size_t i;

	if (!c->has[V_GXY] && c->has[V_PUBLIC] && calc_result(c, V_GXY, NULL, f) == -1)
		return (-1);
	for (i = 0; i < 4; i++) {
		/* SA state may have the keys that follow from SKEYID without SKEYID itself. */
		if (all[i] == V_SKEYID && derived && !c->has[V_SKEYID])
			continue;
		if (calc_result(c, all[i], NULL, f) == -1)
			return (-1);
	}
	return (c->enc != NULL ? calc_result(c, V_KA, NULL, f) : 0);
}

/* Revised public-key encryption: the keys of the given nonces, and payload bodies encrypted with them. */
static int
goal_pke(struct calc *c, struct fault *f)
{
	bool body = c->has[V_BODY] || c->has[V_CIPHERTEXT];
	int rc = 0;

	c->auth = CALC_PKE;
	if (c->has[V_BODY] && c->has[V_CIPHERTEXT])
		return (fault(f, FAULT_USAGE, "pke: --body encrypts and --ciphertext decrypts"));
	if (c->has[V_CERT])
		rc = calc_result(c, V_HASH_CERT, NULL, f);
	if (rc != -1 && (c->has[V_NI] || (!c->has[V_NR] && !c->has[V_CERT]) || (body && !c->responder)))
		rc = calc_result(c, V_NE_I, NULL, f) == -1 ? -1 : calc_result(c, V_KE_I, NULL, f);
	if (rc != -1 && (c->has[V_NR] || (body && c->responder)))
		rc = calc_result(c, V_NE_R, NULL, f) == -1 ? -1 : calc_result(c, V_KE_R, NULL, f);
	if (rc != -1 && c->has[V_BODY])
		rc = calc_result(c, c->responder ? V_CIPHERTEXT_R : V_CIPHERTEXT_I, NULL, f);
	if (rc != -1 && c->has[V_CIPHERTEXT])
		rc = calc_result(c, c->responder ? V_BODY_R : V_BODY_I, NULL, f);
	return (rc == -1 ? -1 : 0);
}

/* Without a message ID HASH_I and HASH_R of phase 1, with one HASH(1) to HASH(3). */
static int
goal_hash(struct calc *c, struct fault *f)
{
	bool any = false;

	if (!c->has[V_MID] && !c->has[V_MESSAGE]) {
		if (c->has[V_IDI] || !c->has[V_IDR])
			if (calc_result(c, V_HASH_I, NULL, f) == -1)
				return (-1);
		return (c->has[V_IDR] ? calc_result(c, V_HASH_R, NULL, f) : 0);
	}
	c->phase2 = true;
	if (c->has[V_MESSAGE]) {
		any = true;
		if (calc_result(c, V_HASH1, NULL, f) == -1 ||
		    (c->has[V_NI] && calc_result(c, V_HASH2, NULL, f) == -1))
			return (-1);
	}
	if (c->has[V_NI] && c->has[V_NR])
		return (calc_result(c, V_HASH3, NULL, f));
	return (any ? 0 : calc_result(c, V_HASH1, NULL, f));
}

static int
goal_iv(struct calc *c, struct fault *f)
{
	return (calc_result(c, V_IV, NULL, f));
}

static int
keymat_one(struct calc *c, const char *const names[3], struct fault *f)
{
	bool exact = c->keymat_len == 0;

	if (calc_result(c, V_KEYMAT, names[0], f) == -1)
		return (-1);
	if (!exact || !c->has[V_KEYMAT])
		return (0);
	if (c->esp.enc != NULL && c->esp.enc->key_len > 0 &&
	    calc_result(c, V_ENC_KEY, names[1], f) == -1)
		return (-1);
	return (c->esp.integ != NULL ? calc_result(c, V_AUTH_KEY, names[2], f) : 0);
}

/* One direction of the state's child SA; *${same} becomes false if the record has other keys. */
static int
keymat_child(struct calc *c, const uint8_t spi[4], const struct secret *recorded,
    const char *const names[3], bool *same, struct fault *f)
{
	if (calc_set(c, V_SPI, span_of(spi, 4), f) == -1 || keymat_one(c, names, f) == -1)
		return (-1);
	if (c->has[V_KEYMAT] && c->keymat_len == 0 && recorded->len > 0 &&
	    !ct_eq(secret_span(&c->v[V_KEYMAT]), secret_span(recorded)))
		*same = false;
	calc_unset(c, V_KEYMAT);
	calc_unset(c, V_ENC_KEY);
	calc_unset(c, V_AUTH_KEY);
	calc_unset(c, V_SPI);
	return (0);
}

static int
goal_keymat(struct calc *c, struct fault *f)
{
	static const char *const plain[] = { "KEYMAT", "encryption-key", "authentication-key" };
	static const char *const inward[] = {
		"KEYMAT-in", "encryption-key-in", "authentication-key-in",
	};
	static const char *const outward[] = {
		"KEYMAT-out", "encryption-key-out", "authentication-key-out",
	};

	bool in = true, out = true;
	char hex[9];

	c->phase2 = true;
	if (c->has[V_SPI] || !c->has_child)
		return (keymat_one(c, plain, f));
	if (keymat_child(c, c->child_spi_in, &c->child_in, inward, &in, f) == -1 ||
	    keymat_child(c, c->child_spi_out, &c->child_out, outward, &out, f) == -1)
		return (-1);
	if (in && out)
		return (0);
	return (fault(f, FAULT_PROTOCOL, "KEYMAT of SPI %s differs from the keys in the state",
	    hex_put(hex, sizeof(hex), span_of(in ? c->child_spi_out : c->child_spi_in, 4))));
}

static int
goal_natd(struct calc *c, struct fault *f)
{
	if (c->has[V_IP] || c->has[V_PORT] || !c->has_ends)
		return (calc_result(c, V_NAT_D, NULL, f));
	/* In the order of the payloads: first the receiver, then the sender. */
	if (calc_set_endpoint(c, V_IP, V_PORT, &c->remote, f) == -1 ||
	    calc_result(c, V_NAT_D, "NAT-D-remote", f) == -1)
		return (-1);
	calc_unset(c, V_NAT_D);
	if (calc_set_endpoint(c, V_IP, V_PORT, &c->local, f) == -1)
		return (-1);
	return (calc_result(c, V_NAT_D, "NAT-D-local", f));
}

static int
goal_vid(struct calc *c, struct fault *f)
{
	const struct vid *row;
	size_t i;

	if (c->has[V_TEXT] && c->has[V_VID])
		return (fault(f, FAULT_USAGE, "vid: --text makes a vendor ID and --vid names one"));
	if (c->has[V_TEXT] || c->has[V_VID]) {
		if (calc_result(c, V_VID, NULL, f) == -1)
			return (-1);
		if (!c->has[V_VID])
			return (0);
		row = vid_find(secret_span(&c->v[V_VID]));
		return (calc_result_text(c, "name", row != NULL ? row->name : "unknown", f));
	}
	/* No argument: list all known vendor IDs. */
	for (i = 0; (row = vid_row(i)) != NULL; i++) {
		if (calc_set(c, V_VID, row->bytes, f) == -1 ||
		    calc_result(c, V_VID, row->name, f) == -1)
			return (-1);
	}
	return (0);
}

int
calc_run(struct calc *c, struct fault *f)
{
	static const struct {
		const char	*name;
		int		(*goal)(struct calc *, struct fault *);
	} subs[] = {
		[SUB_COOKIE] = { "cookie", goal_cookie },
		[SUB_DH] = { "dh", goal_dh },
		[SUB_SKEYID] = { "skeyid", goal_skeyid },
		[SUB_PKE] = { "pke", goal_pke },
		[SUB_HASH] = { "hash", goal_hash },
		[SUB_IV] = { "iv", goal_iv },
		[SUB_KEYMAT] = { "keymat", goal_keymat },
		[SUB_NATD] = { "natd", goal_natd },
		[SUB_VID] = { "vid", goal_vid },
	};

	if (calc_fit(c, V_GXY, f) == -1 ||
	    (c->sub != SUB_DH && (calc_fit(c, V_GXI, f) == -1 || calc_fit(c, V_GXR, f) == -1)))
		return (-1);
	if (subs[c->sub].goal(c, f) == -1)
		return (-1);
	if (c->missing[0] != '\0')
		return (fault(f, FAULT_USAGE, "%s: missing %s", subs[c->sub].name, c->missing));
	return (0);
}
