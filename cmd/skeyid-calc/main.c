/* skeyid-calc: computes and explains the values of IKEv1 with the functions that the negotiation calls. */
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "crypto/crypto.h"
#include "explain/check.h"
#include "explain/goal_sig.h"
#include "explain/goals.h"
#include "opts.h"
#include "os/sandbox.h"
#include "print.h"

/* Whether one of the arguments is a subcommand. */
static bool
has_sub(int argc, char *argv[])
{
	const struct opt *r;
	int i;

	for (i = 1; i < argc; i++)
		for (r = calc_optab; r->type != OPT_T_END; r++)
			if (r->type == OPT_T_SUB && strcmp(argv[i], r->name) == 0)
				return (true);
	return (false);
}

/*
 * Without a subcommand, --check CAPTURE means check, and --explain CAPTURE means walk. Returns ${room} (argc + 2
 * entries) or ${argv}.
 */
static char **
spell_out(int *argc, char *argv[], char **room)
{
	static char check[] = "check", walk[] = "walk";
	int i;

	if (*argc < 2 || has_sub(*argc, argv))
		return (argv);
	for (i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--check") == 0) {
			argv[i] = check;
			return (argv);
		}
		if (strcmp(argv[i], "--explain") == 0) {
			room[0] = argv[0];
			room[1] = walk;
			memcpy(room + 2, argv + 1, (size_t)*argc * sizeof(*argv));
			*argc += 1;
			return (room);
		}
	}
	return (argv);
}

/* The input after this point, records and captures, is untrusted. */
static int
confine(const struct calc_opts *o, struct fault *f)
{
	/* The sandbox cannot load code: load the provider of single DES, if present, and libpcap before. */
	(void)cipher_ready(alg_enc_word("des"), NULL);
	if (o->capture != NULL && capture_ready(f) != 0)
		return (-1);
	/* sig reads no more files, and may talk to the process that holds a token. */
	return (sandbox_enter(o->sub == SUB_SIG ? SANDBOX_NEGOTIATOR : SANDBOX_READER, f) < 0 ? -1 : 0);
}

/* All values of --private. */
static int
get_privates(struct calc_privates *out, struct calc *c, const struct opt_list *list, struct fault *f)
{
	for (out->n = 0; out->n < list->n; out->n++) {
		if (calc_set_hex(c, V_PRIVATE, list->v[out->n], f) == -1)
			return (-1);
		secret_move(&out->v[out->n], &c->v[V_PRIVATE]);
		calc_unset(c, V_PRIVATE);
	}
	return (0);
}

static int
walk(struct calc *c, const struct calc_opts *o, const struct creds *trust, struct fault *f)
{
	static struct calc_privates privates;
	int rc = get_privates(&privates, c, &o->private, f);

	if (rc == 0)
		rc = calc_walk(c, o->capture, o->sa, &privates, trust, o, f);
	while (privates.n > 0)
		secret_free(&privates.v[--privates.n]);
	return (rc);
}

/* The key and the certificate are read before the sandbox: they may be in files that it closes, or need a prompt. */
static int
read_creds(struct creds *creds, const struct calc_opts *o, struct fault *f)
{
	struct creds_opts own = o->creds;

	if (o->sub != SUB_SIG)
		return (creds_trust_read(creds, &o->creds, f));
	if (o->hex[V_CERT] != NULL)
		own.cert.v[own.cert.n++] = o->hex[V_CERT];
	return (creds_own_read(creds, &own, f));
}

static int
signature(struct calc *c, const struct creds *creds, struct fault *f)
{
	const struct goal_sig in = {
		.key = creds->key, .cert = creds->own.n > 0 ? creds->own.c[0] : NULL,
		.hash = secret_span(&c->v[V_DIGEST]), .sig = secret_span(&c->v[V_SIG]),
	};

	return (goal_sig(c, &in, f));
}

static int
one_datagram(void *arg, const struct v1_seen *in, struct fault *f)
{
	return (check_datagram(arg, in, f));
}

static int
check(struct calc *c, const char *path, struct fault *f)
{
	const struct fault *why;
	struct check *k;
	unsigned n;
	int rc = -1;

	if (!c->has[V_PSK] && !c->has[V_SKEYID])
		return (fault(f, FAULT_USAGE, "check: missing --psk, --psk-text or --psk-file"));
	if ((k = check_new(secret_span(&c->v[V_CKY_I]))) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for a phase 1");
	else if (calc_messages(path, one_datagram, k, f) == 0) {
		rc = check_end(k, c, f);
		if ((n = check_skipped(k, &why)) > 0)
			report_say(0, "%u phase 1 exchange%s before this one cannot be checked: %s", n, n == 1 ? "" : "s", why->what);
	}
	check_free(k);
	return (rc);
}

int
main(int argc, char *argv[])
{
	struct calc_opts o = CALC_OPTS_DEFAULT;
	static struct calc c;
	static struct steps steps;
	struct rand_seed seed;
	struct creds creds = {0};
	struct fault f = {0};
	enum exit_status rc = EXIT_DONE;
	char **room = calloc((size_t)argc + 2, sizeof(*room));
	bool done;

	prog_init(argv[0]);
	if (room != NULL)
		argv = spell_out(&argc, argv, room);
	opt_parse(calc_optab, &o, argc, argv);
	c.steps = &steps;
	done = calc_from_opts(&c, &o, &seed, &f) == 0 && read_creds(&creds, &o, &f) == 0 && confine(&o, &f) == 0;
	if (done && c.sub == SUB_WALK)
		done = walk(&c, &o, &creds, &f) == 0;
	else if (done) {
		done = (o.sa == NULL || calc_from_state(&c, o.sa, &f) == 0) &&
		    (c.sub == SUB_SIG ? signature(&c, &creds, &f) : o.capture != NULL ? check(&c, o.capture, &f) :
		    calc_run(&c, &f)) == 0;
		if (c.note[0] != '\0')
			report_warn("%s", c.note);
		/* Print values that differ from the state as well. */
		if (done || f.code == FAULT_PROTOCOL || f.code == FAULT_WRONG_PSK || f.code == FAULT_AUTH_FAILED)
			calc_print(&c, o.json, o.explain);
	}
	if (!done)
		rc = report_fault(&f);
	creds_free(&creds);
	calc_wipe(&c);
	steps_clear(&steps);
	free(room);
	return ((int)rc);
}
