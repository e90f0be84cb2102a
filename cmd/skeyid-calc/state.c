/* Values from SA state. What the options gave stays. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/report.h"
#include "opts.h"
#include "sa/codec.h"

static int
take(struct calc *c, enum val v, struct span value, struct fault *f)
{
	return (c->has[v] || value.len == 0 ? 0 : calc_set(c, v, value, f));
}

static int
from_ike(struct calc *c, const struct sa_ike *s, struct fault *f)
{
	/* Who gives what a value is made of wants it made, not looked up. */
	bool made = c->sub == SUB_SKEYID && (c->has[V_PSK] || c->has[V_NI] || c->has[V_NR]);
	bool derived = c->sub == SUB_SKEYID && (made || c->has[V_SKEYID] || c->has[V_GXY] ||
	    c->has[V_PRIVATE] || c->has[V_PUBLIC]);

	if (c->hash == NULL && (c->hash = alg_hash_word(s->hash)) == NULL)
		return (fault(f, FAULT_BAD_RECORD, "hash %s is unknown", s->hash));
	if (c->enc == NULL && (c->enc = alg_enc_name(s->encryption, s->key_bits)) == NULL)
		return (fault(f, FAULT_BAD_RECORD, "encryption %s with %u bits is unknown",
		    s->encryption, s->key_bits));
	if (c->group == NULL)
		c->group = alg_group_word(s->group);
	c->has_ends = true;
	c->local = s->local.at;
	c->remote = s->remote.at;
	if (take(c, V_CKY_I, SPAN_ARRAY(s->spi_i), f) == -1 ||
	    take(c, V_CKY_R, SPAN_ARRAY(s->spi_r), f) == -1 ||
	    (!made && take(c, V_SKEYID, secret_span(&s->skeyid), f) == -1))
		return (-1);
	if (!derived && (take(c, V_SKEYID_D, secret_span(&s->skeyid_d), f) == -1 ||
	    take(c, V_SKEYID_A, secret_span(&s->skeyid_a), f) == -1 ||
	    take(c, V_SKEYID_E, secret_span(&s->skeyid_e), f) == -1))
		return (-1);
	/* It serves where a message ID is given, and would else stand in the way. */
	if (c->sub == SUB_IV && c->has[V_MID])
		return (take(c, V_LAST, span_of(s->iv, s->iv_len), f));
	return (0);
}

int
calc_join(struct secret *out, const struct secret *enc, const struct secret *auth, struct fault *f)
{
	if (enc->len + auth->len > SECRET_MAX || secret_make(out, enc->len + auth->len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for keys"));
	if (enc->len > 0)
		memcpy(out->p, enc->p, enc->len);
	if (auth->len > 0)
		memcpy(out->p + enc->len, auth->p, auth->len);
	return (0);
}

static int
from_child(struct calc *c, const struct sa_child *s, struct fault *f)
{
	uint8_t protocol = s->protocol == SA_AH ? 2 : 3;

	c->has_child = true;
	memcpy(c->child_spi_in, s->spi_in, 4);
	memcpy(c->child_spi_out, s->spi_out, 4);
	if (c->keymat_len == 0 && c->esp.enc == NULL && c->esp.integ == NULL) {
		if (s->encryption[0] != '\0' &&
		    (c->esp.enc = alg_enc_name(s->encryption, s->key_bits)) == NULL)
			return (fault(f, FAULT_BAD_RECORD, "encryption %s with %u bits is unknown",
			    s->encryption, s->key_bits));
		if (s->integrity[0] != '\0' &&
		    (c->esp.integ = alg_integ_name(s->integrity)) == NULL)
			return (fault(f, FAULT_BAD_RECORD, "integrity %s is unknown",
			    s->integrity));
	}
	if (take(c, V_PROTOCOL, span_of(&protocol, 1), f) == -1 ||
	    calc_join(&c->child_in, &s->enc_in, &s->auth_in, f) == -1 ||
	    calc_join(&c->child_out, &s->enc_out, &s->auth_out, f) == -1)
		return (-1);
	return (0);
}

/* Fills ${buf} from ${fd}; bytes read, 0 at the end, -1. */
static ssize_t
read_some(int fd, uint8_t *buf, size_t cap)
{
	ssize_t n;

	do
		n = read(fd, buf, cap);
	while (n == -1 && errno == EINTR);
	return (n);
}

/*
 * Decodes what ${fd} has into the last IKE and the last child SA. ${buf} has room for
 * the longest record, so one that does not end in it is caught by the decoder.
 */
static int
read_records(int fd, struct secret *buf, struct sa_rec *rec, struct sa_rec *ike,
    struct sa_rec *child, struct fault *f)
{
	size_t have = 0, base = 0;
	ssize_t n;
	long used;

	for (;;) {
		if ((n = read_some(fd, buf->p + have, buf->len - have)) == -1)
			return (fault_sys(f, FAULT_SYSTEM, "reading"));
		have += (size_t)n;
		while ((used = sa_decode(rec, span_of(buf->p, have), f)) > 0) {
			if (rec->type == SA_IKE || rec->type == SA_CHILD) {
				struct sa_rec *to = rec->type == SA_IKE ? ike : child;

				sa_rec_wipe(to);
				*to = *rec;	/* moved: its secrets change hands */
				*rec = (struct sa_rec){0};
			} else
				sa_rec_wipe(rec);
			memmove(buf->p, buf->p + used, have - (size_t)used);
			have -= (size_t)used;
			base += (size_t)used;
		}
		if (used == -1) {
			if (f->at != FAULT_AT_NONE)
				f->at += base;
			return (-1);
		}
		if (n == 0)
			break;
	}
	if (have > 0)
		return (fault_at(f, FAULT_TRUNCATED, base, "the last record is cut short"));
	if (ike->type == SA_NONE && child->type == SA_NONE)
		return (fault(f, FAULT_BAD_RECORD, "no IKE SA and no child SA in it"));
	return (0);
}

int
calc_from_state(struct calc *c, const char *path, struct fault *f)
{
	/* Records are large; three of them are not for the stack. */
	struct sa_rec *recs = calloc(3, sizeof(*recs));
	struct secret buf = {0};
	struct stat st;
	bool std = strcmp(path, "-") == 0;
	int fd = std ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), rc = -1;
	size_t i;

	if (fd == -1) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot open it");
		/* A name that is wrong is the user's matter. */
		if (errno == ENOENT)
			f->code = FAULT_USAGE;
		goto done;
	}
	if (!std && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		report_wide_mode(path, st.st_mode & 07777U);
	if (recs == NULL || secret_make(&buf, SA_REC_BYTES) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for records");
		goto done;
	}
	rc = read_records(fd, &buf, &recs[0], &recs[1], &recs[2], f);
	if (rc == 0 && recs[1].type == SA_IKE)
		rc = from_ike(c, &recs[1].ike, f);
	if (rc == 0 && recs[2].type == SA_CHILD && c->sub == SUB_KEYMAT)
		rc = from_child(c, &recs[2].child, f);
done:
	if (rc == -1)
		fault_where(f, "%s", std ? "standard input" : path);
	for (i = 0; recs != NULL && i < 3; i++)
		sa_rec_wipe(&recs[i]);
	free(recs);
	secret_free(&buf);
	if (fd != -1 && !std)
		(void)close(fd);
	return (rc);
}
