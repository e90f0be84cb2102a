/* Parses and prints proposals. */
#include "crypto/proposal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX	32	/* bytes of one word with its NUL; the longest known has 16 */
#define KNOWN_MAX	320	/* bytes of a list of words in an error */

/*
 * MODP 2048 is first, since every gateway of the last fifteen years supports it and aggressive
 * mode can offer only one group. HMAC-SHA-1 is still secure, and many gateways in the field
 * support nothing newer: it is last.
 */
const char ike_proposals_default[] =
    "aes256-sha256-modp2048,aes128-sha256-modp2048,aes256-sha384-ecp384,aes256-sha256-ecp256,"
    "aes128-sha256-ecp256,aes256-sha256-curve25519,aes256-sha512-modp4096,"
    "aes256-sha256-modp3072,aes256-sha1-modp2048,aes128-sha1-modp2048";
const char esp_proposals_default[] =
    "aes256gcm16,aes128gcm16,aes256-sha256,aes128-sha256,aes256-sha1,aes128-sha1";

enum list { LIST_IKE, LIST_ESP, LIST_AH };

/* The parts of a proposal, common to the three lists. */
struct parts {
	const struct alg_enc	*enc;
	const struct alg_hash	*hash;
	const struct alg_integ	*integ;
	const struct alg_group	*group;
	bool			 esn;
};

/* The words for a cipher, an integrity algorithm or hash, or a group. */
enum kind { KIND_ENC, KIND_INTEG, KIND_GROUP };

static bool
enc_fits(enum list list, const struct alg_enc *e)
{
	return (list == LIST_IKE ? e->ike != 0 : list == LIST_ESP && e->esp != 0);
}

static bool
integ_fits(enum list list, const struct alg_integ *i)
{
	return (list == LIST_AH ? i->ah != 0 : i->auth != 0);
}

static const char *
row_word(enum list list, enum kind kind, size_t i, bool *fits)
{
	const struct alg_enc *e = alg_enc_row(i);
	const struct alg_hash *h = alg_hash_row(i);
	const struct alg_integ *a = alg_integ_row(i);
	const struct alg_group *g = alg_group_row(i);

	*fits = true;
	if (kind == KIND_ENC) {
		*fits = e != NULL && enc_fits(list, e);
		return (e != NULL ? e->word : NULL);
	}
	if (kind == KIND_GROUP)
		return (g != NULL ? g->word : NULL);
	if (list == LIST_IKE)
		return (h != NULL ? h->word : NULL);
	*fits = a != NULL && integ_fits(list, a);
	return (a != NULL ? a->word : NULL);
}

/* "aes128, aes192, ..." */
static char *
known(char out[KNOWN_MAX], enum list list, enum kind kind)
{
	const char *w;
	size_t i, n = 0;
	bool fits;

	out[0] = '\0';
	for (i = 0; (w = row_word(list, kind, i, &fits)) != NULL; i++)
		if (fits && n + strlen(w) + 3 < KNOWN_MAX)
			n += (size_t)snprintf(out + n, KNOWN_MAX - n, "%s%s", n > 0 ? ", " : "",
			    w);
	return (out);
}

static const char *
kind_name(enum list list, enum kind kind)
{
	switch (kind) {
	case KIND_ENC:
		return (list == LIST_IKE ? "cipher of IKE" : "cipher of ESP");
	case KIND_INTEG:
		return (list == LIST_IKE ? "hash of IKE" : "integrity algorithm");
	default:
		return ("group");
	}
}

/* By word, or by number as in other products: dh14, group14. */
static const struct alg_group *
group_get(const char *word)
{
	size_t skip = strncasecmp(word, "dh", 2) == 0 ? 2 :
	    strncasecmp(word, "group", 5) == 0 ? 5 : 0;

	if (skip > 0 && word[skip] >= '1' && word[skip] <= '9' && strlen(word + skip) <= 2 &&
	    strspn(word + skip, "0123456789") == strlen(word + skip))
		return (alg_group_num((unsigned)strtoul(word + skip, NULL, 10)));
	return (alg_group_word(word));
}

static int
twice(enum list list, enum kind kind, const char *a, const char *b, const char *whole,
    struct fault *f)
{
	return (fault(f, FAULT_BAD_PROPOSAL, "\"%.*s\" has two words for the %s, %s and %s; put a "
	    "comma between proposals", (int)strcspn(whole, ","), whole, kind_name(list, kind), a,
	    b));
}

static int
word_get(struct parts *p, enum list list, const char *word, const char *whole, struct fault *f)
{
	const struct alg_enc *e = alg_enc_word(word);
	const struct alg_hash *h = list == LIST_IKE ? alg_hash_word(word) : NULL;
	const struct alg_integ *i = list != LIST_IKE ? alg_integ_word(word) : NULL;
	const struct alg_group *g = group_get(word);
	enum kind kind;
	char list_text[KNOWN_MAX];

	if (e != NULL && enc_fits(list, e)) {
		if (p->enc != NULL)
			return (twice(list, KIND_ENC, p->enc->word, e->word, whole, f));
		p->enc = e;
		return (0);
	}
	if (h != NULL) {
		if (p->hash != NULL)
			return (twice(list, KIND_INTEG, p->hash->word, h->word, whole, f));
		p->hash = h;
		return (0);
	}
	if (i != NULL && integ_fits(list, i)) {
		if (p->integ != NULL)
			return (twice(list, KIND_INTEG, p->integ->word, i->word, whole, f));
		p->integ = i;
		return (0);
	}
	if (g != NULL) {
		if (p->group != NULL)
			return (twice(list, KIND_GROUP, p->group->word, g->word, whole, f));
		p->group = g;
		return (0);
	}
	if (list != LIST_IKE && strcasecmp(word, "esn") == 0) {
		p->esn = true;
		return (0);
	}
	if (list != LIST_IKE && strcasecmp(word, "noesn") == 0) {
		p->esn = false;
		return (0);
	}
	if (e != NULL && list == LIST_AH)
		return (fault(f, FAULT_BAD_PROPOSAL, "%s is a cipher, and AH has none; known "
		    "integrity algorithms: %s", word, known(list_text, list, KIND_INTEG)));
	/* Its position tells its kind, unless the word is known as another kind. */
	kind = e != NULL || (list != LIST_AH && p->enc == NULL) ? KIND_ENC :
	    p->hash == NULL && p->integ == NULL &&
	    (p->enc == NULL || p->enc->form != ALG_AEAD) ? KIND_INTEG : KIND_GROUP;
	return (fault(f, FAULT_BAD_PROPOSAL, "%s is no %s; known: %s", word,
	    kind_name(list, kind), known(list_text, list, kind)));
}

static int
missing(enum list list, enum kind kind, const char *one, size_t len, struct fault *f)
{
	char list_text[KNOWN_MAX];

	return (fault(f, FAULT_BAD_PROPOSAL, "\"%.*s\" needs %s %s; known: %s", (int)len, one,
	    kind == KIND_INTEG && list != LIST_IKE ? "an" : "a", kind_name(list, kind), known(list_text, list, kind)));
}

/* One proposal of ${len} bytes at ${one}. */
static int
parts_get(struct parts *p, enum list list, const char *one, size_t len, struct fault *f)
{
	char word[WORD_MAX];
	size_t at, n;

	*p = (struct parts){0};
	for (at = 0; at <= len; at += n + 1) {
		for (n = 0; at + n < len && one[at + n] != '-'; n++)
			;
		if (n == 0)
			return (fault(f, FAULT_BAD_PROPOSAL, len == 0 ? "an empty proposal" :
			    "\"%.*s\" has an empty word", (int)len, one));
		if (n >= sizeof(word))
			return (fault(f, FAULT_BAD_PROPOSAL, "\"%.*s...\" is no algorithm",
			    (int)sizeof(word), one + at));
		memcpy(word, one + at, n);
		word[n] = '\0';
		if (word_get(p, list, word, one, f) != 0)
			return (-1);
	}
	if (p->enc == NULL && list != LIST_AH)
		return (missing(list, KIND_ENC, one, len, f));
	if (list == LIST_IKE && p->hash == NULL)
		return (missing(list, KIND_INTEG, one, len, f));
	if (list == LIST_IKE && p->group == NULL)
		return (missing(list, KIND_GROUP, one, len, f));
	if (list == LIST_IKE)
		return (0);
	if (p->enc != NULL && p->enc->form == ALG_AEAD) {
		if (p->integ != NULL)
			return (fault(f, FAULT_BAD_PROPOSAL, "%s brings its own integrity; leave "
			    "out %s", p->enc->word, p->integ->word));
	} else if (p->integ == NULL) {
		return (missing(list, KIND_INTEG, one, len, f));
	}
	return (0);
}

/* Takes the next proposal from ${*text}, without blanks around it; false at the end. */
static bool
next_one(const char **text, const char **one, size_t *len)
{
	const char *p = *text;
	size_t n;

	if (p == NULL)
		return (false);
	n = strcspn(p, ",");
	*text = p[n] == ',' ? p + n + 1 : NULL;
	while (n > 0 && strchr(" \t", p[0]) != NULL) {
		p++;
		n--;
	}
	while (n > 0 && strchr(" \t", p[n - 1]) != NULL)
		n--;
	*one = p;
	*len = n;
	return (true);
}

static int
too_many(struct fault *f)
{
	return (fault(f, FAULT_BAD_PROPOSAL, "more than %d proposals in one list",
	    PROPOSALS_MAX));
}

static int
ike_parse(struct ike_proposals *out, const char *text, struct fault *f)
{
	struct ike_proposals list = { .n = 0 };
	struct parts p;
	const char *one;
	size_t i, len;

	out->n = 0;
	while (next_one(&text, &one, &len)) {
		if (parts_get(&p, LIST_IKE, one, len, f) != 0)
			return (-1);
		for (i = 0; i < list.n; i++)
			if (list.p[i].enc == p.enc && list.p[i].hash == p.hash &&
			    list.p[i].group == p.group)
				break;
		if (i < list.n)		/* given twice, perhaps in other words */
			continue;
		if (list.n == PROPOSALS_MAX)
			return (too_many(f));
		list.p[list.n++] = (struct ike_proposal){ p.enc, p.hash, p.group };
	}
	*out = list;
	return (0);
}

int
ike_proposals_parse(struct ike_proposals *out, const char *text, struct fault *f)
{
	return (fault_because(f, CAUSE_IKE_PROPOSAL, ike_parse(out, text, f)));
}

static int
child_parse(struct esp_proposals *out, enum list kind, const char *text, struct fault *f)
{
	struct esp_proposals list = { .n = 0 };
	struct parts p;
	const char *one;
	size_t i, len;

	out->n = 0;
	while (next_one(&text, &one, &len)) {
		if (parts_get(&p, kind, one, len, f) != 0)
			return (-1);
		for (i = 0; i < list.n; i++)
			if (list.p[i].enc == p.enc && list.p[i].integ == p.integ &&
			    list.p[i].group == p.group && list.p[i].esn == p.esn)
				break;
		if (i < list.n)
			continue;
		if (list.n == PROPOSALS_MAX)
			return (too_many(f));
		list.p[list.n++] = (struct esp_proposal){ p.enc, p.integ, p.group, p.esn };
	}
	*out = list;
	return (0);
}

int
esp_proposals_parse(struct esp_proposals *out, const char *text, struct fault *f)
{
	return (fault_because(f, CAUSE_ESP_PROPOSAL, child_parse(out, LIST_ESP, text, f)));
}

int
ah_proposals_parse(struct esp_proposals *out, const char *text, struct fault *f)
{
	return (fault_because(f, CAUSE_AH_PROPOSAL, child_parse(out, LIST_AH, text, f)));
}

static char *
join(char out[PROPOSAL_TEXT], const char *const words[4])
{
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < 4; i++)
		if (words[i] != NULL && n + strlen(words[i]) + 2 < PROPOSAL_TEXT)
			n += (size_t)snprintf(out + n, PROPOSAL_TEXT - n, "%s%s", n > 0 ? "-" : "",
			    words[i]);
	return (out);
}

char *
ike_proposal_text(char out[PROPOSAL_TEXT], const struct ike_proposal *p)
{
	return (join(out, (const char *const[4]){
	    p->enc != NULL ? p->enc->word : NULL, p->hash != NULL ? p->hash->word : NULL,
	    p->group != NULL ? p->group->word : NULL, NULL }));
}

char *
esp_proposal_text(char out[PROPOSAL_TEXT], const struct esp_proposal *p)
{
	return (join(out, (const char *const[4]){
	    p->enc != NULL ? p->enc->word : NULL, p->integ != NULL ? p->integ->word : NULL,
	    p->group != NULL ? p->group->word : NULL, p->esn ? "esn" : NULL }));
}
