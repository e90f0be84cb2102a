/* Distinguished names: text to DER and back, comparison. */
#include "wire/dn.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/text.h"

#define TYPE_MAX	64	/* bytes of an attribute type's word or number */
#define VALUE_MAX	512	/* bytes of one value; X.520's bounds are below */

/*
 * Words for attribute types: libcrypto's short name first, then other common spellings. Other
 * types are read and written as dotted numbers.
 */
static const struct {
	const char	*sn, *also;
} types[] = {
	{ "C", NULL }, { "ST", "S" }, { "L", NULL }, { "O", NULL }, { "OU", NULL },
	{ "CN", NULL }, { "DC", NULL }, { "UID", "userId" }, { "emailAddress", "E" },
	{ "emailAddress", "email" }, { "serialNumber", NULL }, { "SN", "surname" },
	{ "GN", "givenName" }, { "title", "T" }, { "street", NULL }, { "postalCode", NULL },
	{ "name", NULL }, { "initials", NULL }, { "dnQualifier", NULL }, { "pseudonym", NULL },
	{ "organizationIdentifier", NULL }, { "description", NULL }, { "unstructuredName", NULL },
	{ "unstructuredAddress", NULL },
};

static X509_NAME *
decode(struct span der)
{
	const unsigned char *p = der.p;
	X509_NAME *n;

	(void)ERR_set_mark();
	n = d2i_X509_NAME(NULL, &p, (long)der.len);
	(void)ERR_pop_to_mark();
	if (n != NULL && (size_t)(p - der.p) != der.len) {
		X509_NAME_free(n);
		return (NULL);
	}
	return (n);
}

bool
dn_valid(struct span der)
{
	X509_NAME *n = decode(der);

	X509_NAME_free(n);
	return (n != NULL);
}

bool
dn_eq(struct span a, struct span b)
{
	X509_NAME *x, *y;
	bool eq;

	if (span_eq(a, b))
		return (true);
	x = decode(a);
	y = decode(b);
	eq = x != NULL && y != NULL && X509_NAME_cmp(x, y) == 0;
	X509_NAME_free(x);
	X509_NAME_free(y);
	return (eq);
}

uint64_t
dn_hash(struct span der, uint64_t salt)
{
	X509_NAME *n = decode(der);
	unsigned long h;
	int ok = 0;

	if (n != NULL)		/* of the form that X509_NAME_cmp() compares */
		h = X509_NAME_hash_ex(n, NULL, NULL, &ok);
	X509_NAME_free(n);
	return (ok ? hash_bytes(&h, sizeof(h), salt) : hash_bytes(der.p, der.len, salt));
}

/* The object of a type's word in any case, or of a dotted number; NULL if unknown. */
static ASN1_OBJECT *
type_object(const char *word)
{
	ASN1_OBJECT *o;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(word, types[i].sn) == 0 ||
		    (types[i].also != NULL && strcasecmp(word, types[i].also) == 0))
			return (OBJ_txt2obj(types[i].sn, 0));
	if (strspn(word, "0123456789.") != strlen(word))
		return (NULL);
	(void)ERR_set_mark();
	o = OBJ_txt2obj(word, 1);
	(void)ERR_pop_to_mark();
	return (o);
}

/* RFC 5280 section 4.1.2.4: IA5String for the two old types, else the plainest string. */
static int
string_type(const ASN1_OBJECT *o, const uint8_t *v, size_t len)
{
	int nid = OBJ_obj2nid(o);
	bool ascii = true, printable = true;
	size_t i;

	for (i = 0; i < len; i++) {
		ascii = ascii && v[i] < 0x80;
		printable = printable && v[i] != '\0' &&
		    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		    "0123456789 '()+,-./:=?", v[i]) != NULL;
	}
	if (ascii && (nid == NID_pkcs9_emailAddress || nid == NID_domainComponent))
		return (V_ASN1_IA5STRING);
	return (printable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING);
}

/*
 * One value from ${*p} up to an unescaped ',', '+' or the end. A backslash escapes the next
 * character, \xNN and \NN are a byte. Blanks around the value are ignored.
 */
static long
value_get(uint8_t out[VALUE_MAX], const char **p)
{
	const char *s = *p + strspn(*p, " ");
	char two[3] = {0};
	size_t n = 0, keep = 0;
	uint8_t byte;

	while (*s != '\0' && *s != ',' && *s != '+') {
		if (n == VALUE_MAX)
			return (-1);
		if (*s != '\\') {
			out[n++] = (uint8_t)*s++;
			if (out[n - 1] != ' ')
				keep = n;
			continue;
		}
		s += s[1] == 'x' ? 2 : 1;
		two[0] = s[0];
		two[1] = s[0] != '\0' ? s[1] : '\0';
		if (strlen(two) == 2 && strchr(two, ' ') == NULL && hex_get(&byte, 1, two) == 1) {
			out[n++] = byte;
			s += 2;
		} else if (*s != '\0' && s[-1] == '\\') {
			out[n++] = (uint8_t)*s++;
		} else {
			return (-1);
		}
		keep = n;
	}
	*p = s;
	return ((long)keep);
}

static int
entries_get(X509_NAME *n, const char *text, struct fault *f)
{
	char type[TYPE_MAX];
	uint8_t value[VALUE_MAX];
	const char *p = text, *eq;
	ASN1_OBJECT *o;
	long vlen;
	size_t len;
	int ok, set = 0;

	for (;;) {
		p += strspn(p, " ");
		if ((eq = strchr(p, '=')) == NULL)
			return (fault(f, FAULT_BAD_ID, "\"%s\": no \"=\" at \"%s\"; a DN is "
			    "written \"C=CH, O=x, CN=y\"", text, p));
		for (len = (size_t)(eq - p); len > 0 && p[len - 1] == ' '; len--)
			;
		if (len >= sizeof(type))
			return (fault(f, FAULT_BAD_ID, "\"%s\": unknown attribute type", text));
		memcpy(type, p, len);
		type[len] = '\0';
		p = eq + 1;
		if ((o = type_object(type)) == NULL)
			return (fault(f, FAULT_BAD_ID, "\"%s\": unknown attribute type \"%s\"; "
			    "known are C, ST, L, O, OU, CN, DC, UID, E, dotted numbers and others",
			    text, type));
		if ((vlen = value_get(value, &p)) < 0) {
			ASN1_OBJECT_free(o);
			return (fault(f, FAULT_BAD_ID, "\"%s\": bad escape in the value of %s, or "
			    "more than %d bytes", text, type, VALUE_MAX));
		}
		/* Length by int: VALUE_MAX keeps it small. -1 as set: join the RDN before. */
		ok = X509_NAME_add_entry_by_OBJ(n, o, string_type(o, value, (size_t)vlen), value,
		    (int)vlen, -1, set);
		ASN1_OBJECT_free(o);
		if (ok != 1)
			return (fault(f, FAULT_BAD_ID, "\"%s\": the value of %s is refused", text,
			    type));
		if (*p == '\0')
			return (0);
		set = *p == '+' ? -1 : 0;
		p++;
	}
}

long
dn_parse(uint8_t *out, size_t cap, const char *text, struct fault *f)
{
	unsigned char *der = NULL;
	X509_NAME *n;
	long len = -1;

	if (text[0] == '#') {
		len = hex_get(out, cap, text + 1);
		if (len < 0 || !dn_valid(span_of(out, (size_t)len)))
			return (fault(f, FAULT_BAD_ID, "\"%s\" is no DER of a DN", text));
		return (len);
	}
	if ((n = X509_NAME_new()) == NULL)
		return (fault(f, FAULT_MEMORY, "out of memory"));
	(void)ERR_set_mark();
	if (text[0] == '\0' || entries_get(n, text, f) == 0) {
		len = i2d_X509_NAME(n, &der);
		if (len < 0)
			(void)fault(f, FAULT_BAD_ID, "\"%s\" is no DN: not UTF-8?", text);
		else if ((size_t)len > cap)
			len = fault(f, FAULT_BAD_ID, "\"%.40s...\" is too long: %ld bytes, at most "
			    "%zu", text, len, cap);
		else
			memcpy(out, der, (size_t)len);
		OPENSSL_free(der);
	}
	(void)ERR_pop_to_mark();
	X509_NAME_free(n);
	return (len);
}

static bool
value_put(char *out, size_t cap, size_t *n, const uint8_t *v, size_t len)
{
	char c[8];
	size_t i;
	bool edge;

	for (i = 0; i < len; i++) {
		edge = (v[i] == ' ' && (i == 0 || i + 1 == len)) || (v[i] == '#' && i == 0);
		if (v[i] < 0x20 || v[i] > 0x7e)
			(void)snprintf(c, sizeof(c), "\\x%02x", v[i]);
		else if (edge || strchr(",+\"\\<>;=", v[i]) != NULL)
			(void)snprintf(c, sizeof(c), "\\%c", v[i]);
		else
			(void)snprintf(c, sizeof(c), "%c", v[i]);
		if (!text_add(out, cap, n, c))
			return (false);
	}
	return (true);
}

static bool
entry_put(char *out, size_t cap, size_t *n, const X509_NAME_ENTRY *e)
{
	const ASN1_OBJECT *o = X509_NAME_ENTRY_get_object(e);
	const ASN1_STRING *s = X509_NAME_ENTRY_get_data(e);
	char type[TYPE_MAX];
	unsigned char *utf8 = NULL;
	size_t i;
	int len, nid = OBJ_obj2nid(o);
	bool ok;

	/* Other types compare by their DER, so text would not lead back to an equal name. */
	switch (ASN1_STRING_type(s)) {
	case V_ASN1_UTF8STRING: case V_ASN1_BMPSTRING: case V_ASN1_UNIVERSALSTRING:
	case V_ASN1_PRINTABLESTRING: case V_ASN1_T61STRING: case V_ASN1_IA5STRING:
	case V_ASN1_VISIBLESTRING:
		break;
	default:
		return (false);
	}
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (nid != NID_undef && nid == OBJ_sn2nid(types[i].sn))
			break;
	if (i < sizeof(types) / sizeof(types[0]))
		(void)snprintf(type, sizeof(type), "%s", types[i].sn);
	else if ((len = OBJ_obj2txt(type, sizeof(type), o, 1)) <= 0 || len >= TYPE_MAX)
		return (false);
	if ((len = ASN1_STRING_to_UTF8(&utf8, s)) < 0)
		return (false);
	ok = len <= VALUE_MAX && text_add(out, cap, n, type) && text_add(out, cap, n, "=") &&
	    value_put(out, cap, n, utf8, (size_t)len);
	OPENSSL_free(utf8);
	return (ok);
}

void
dn_text(char *out, size_t cap, struct span der)
{
	X509_NAME *name = decode(der);
	const X509_NAME_ENTRY *e;
	size_t n = 0;
	int i, count = name != NULL ? X509_NAME_entry_count(name) : 0, set = -1;
	bool ok = name != NULL;

	out[0] = '\0';
	(void)ERR_set_mark();
	for (i = 0; ok && i < count; i++) {
		e = X509_NAME_get_entry(name, i);
		if (i > 0)
			ok = text_add(out, cap, &n, X509_NAME_ENTRY_set(e) == set ? " + " : ", ");
		set = X509_NAME_ENTRY_set(e);
		ok = ok && entry_put(out, cap, &n, e);
	}
	(void)ERR_pop_to_mark();
	X509_NAME_free(name);
	if (!ok) {
		out[0] = '#';
		(void)hex_put(out + 1, cap - 1, der);
	}
}
