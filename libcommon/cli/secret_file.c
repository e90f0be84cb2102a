/* Reads secrets from files, descriptors, the environment and the terminal. */
#include "cli/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/hex.h"
#include "cli/file_source.h"
#include "cli/report.h"

#define BYTES_MAX	(SECRET_MAX - 2)	/* of a file that is no text */

/*
 * All of ${fd} into ${text}, at most ${max} bytes and a NUL behind them. If ${crlf} is not NULL, without the newline at
 * the end; ${*crlf} is set if that is \r\n. If ${line} is not NULL, one line of a terminal; a signal that this mask lets
 * through ends it.
 */
static int
read_all(struct secret *text, int fd, size_t max, const sigset_t *line, bool *crlf, struct fault *f)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	ssize_t got;

	if (secret_make(text, max + 2) == NULL)
		return (fault(f, FAULT_MEMORY, "no locked memory for a secret"));
	for (;;) {
		if (line != NULL && ppoll(&p, 1, NULL, line) < 0)
			return (fault_sys(f, FAULT_SECRET_FILE, "cannot read"));
		got = read(fd, text->p + n, max + 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return (fault_sys(f, FAULT_SECRET_FILE, "cannot read"));
		n += (size_t)got;
		if (n > max)
			return (fault(f, FAULT_SECRET_FILE, "longer than %zu bytes", max));
		if (got == 0 || (line != NULL && text->p[n - 1] == '\n'))
			break;
	}
	if (crlf != NULL && n > 0 && text->p[n - 1] == '\n') {
		*crlf = n > 1 && text->p[n - 2] == '\r';
		n -= *crlf ? 2 : 1;
	}
	secret_cut(text, n);
	/* secret_cut() has nothing to give back but by a copy, for which memory may be short */
	if (n > 0 && text->len == 0)
		return (fault(f, FAULT_MEMORY, "no locked memory for a secret"));
	return (0);
}

/* All ones if ${lo} <= ${c} <= ${hi}, else zero; no branch. */
static unsigned
within(unsigned c, unsigned lo, unsigned hi)
{
	return ((((c - lo) | (hi - c)) >> 31) - 1);
}

/* A base64 digit's value, or 64; no branch, no table. */
static unsigned
digit64(unsigned c)
{
	unsigned up = within(c, 'A', 'Z'), low = within(c, 'a', 'z'), num = within(c, '0', '9');
	unsigned plus = within(c, '+', '+'), slash = within(c, '/', '/');

	return ((up & (c - 'A')) | (low & (c - 'a' + 26)) | (num & (c - '0' + 52)) |
	    (plus & 62) | (slash & 63) | (~(up | low | num | plus | slash) & 64));
}

/*
 * Padding may be left out; white space between digits is skipped, as wrapped files have
 * it. The bits left over must be zero, so that one key has one spelling.
 */
static long
base64_get(uint8_t *out, size_t cap, struct span text)
{
	size_t i, n = 0, digits = 0, pads = 0;
	uint32_t acc = 0;
	unsigned d, bad = 0;

	for (i = 0; i < text.len; i++) {
		if (text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\r' || text.p[i] == '\t')
			continue;
		if (text.p[i] == '=') {
			pads++;
			continue;
		}
		d = digit64(text.p[i]);
		bad |= d & 64;
		bad |= pads > 0;
		acc = acc << 6 | (d & 63);
		digits++;
		if (digits % 4 == 1)
			continue;
		if (n == cap)
			return (-1);
		/* 2nd, 3rd and 4th digit of four complete a byte with 4, 2 and 0 bits over */
		out[n++] = (uint8_t)(acc >> (2 * (4 - (digits + 3) % 4 - 1)));
	}
	if (bad != 0 || digits % 4 == 1 || (pads > 0 && (digits + pads) % 4 != 0) || pads > 2)
		return (-1);
	if ((digits % 4 == 2 && (acc & 15) != 0) || (digits % 4 == 3 && (acc & 3) != 0))
		return (-1);
	return ((long)n);
}

static bool
starts(struct span text, const char *prefix)
{
	return (text.len >= 2 && memcmp(text.p, prefix, 2) == 0);
}

/* What SECRET_AUTO stands for with this text. */
static enum secret_format
settle(enum secret_format format, struct span text)
{
	if (format != SECRET_AUTO)
		return (format);
	return (starts(text, "0x") || starts(text, "0X") ? SECRET_HEX :
	    starts(text, "0s") || starts(text, "0S") ? SECRET_BASE64 : SECRET_RAW);
}

int
secret_decode(struct secret *out, struct span text, enum secret_format format,
    const char *what, struct fault *f)
{
	struct secret nul = {0};	/* the text with a NUL, for hex_get() */
	long n = -1;

	secret_free(out);
	format = settle(format, text);
	if (text.len == 0)
		return (fault(f, FAULT_SECRET_FILE, "the %s is empty", what));
	if (format == SECRET_RAW) {
		if (secret_set(out, text) != 0)
			goto memory;
		return (0);
	}
	if (secret_make(out, text.len) == NULL || secret_make(&nul, text.len + 1) == NULL)
		goto memory;
	memcpy(nul.p, text.p, text.len);
	if (format == SECRET_BASE64) {
		if (starts(text, "0s") || starts(text, "0S"))
			text = span_of(text.p + 2, text.len - 2);
		n = base64_get(out->p, out->len, text);
	} else if (memchr(text.p, 0, text.len) == NULL)
		n = hex_get(out->p, out->len, (const char *)nul.p);
	secret_free(&nul);
	if (n <= 0) {
		secret_free(out);
		return (fault_because(f, format == SECRET_HEX ? CAUSE_NOT_HEX : CAUSE_NOT_BASE64,
		    fault(f, FAULT_SECRET_FILE, n == 0 ? "the %s is empty (%s)" :
		    "the %s is not %s", what, format == SECRET_HEX ? "hex" : "base64")));
	}
	secret_cut(out, (size_t)n);
	if (out->len == 0)
		goto memory;
	return (0);
memory:
	secret_free(out);
	secret_free(&nul);
	return (fault(f, FAULT_MEMORY, "no locked memory for the %s", what));
}

/* Whether ${t} begins and ends with quotes, typewriter's or typographic ones in UTF-8. */
static bool
is_quoted(struct span t)
{
	static const char *const pairs[][2] = {
		{ "\"", "\"" }, { "'", "'" }, { "`", "`" },
		{ "\xe2\x80\x98", "\xe2\x80\x99" },	/* U+2018, U+2019 */
		{ "\xe2\x80\x9c", "\xe2\x80\x9d" },	/* U+201C, U+201D */
		{ "\xe2\x80\x9e", "\xe2\x80\x9c" },	/* U+201E, U+201C: German */
		{ "\xc2\xab", "\xc2\xbb" },		/* U+00AB, U+00BB */
	};
	size_t i, a, b;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		a = strlen(pairs[i][0]);
		b = strlen(pairs[i][1]);
		if (t.len >= a + b && memcmp(t.p, pairs[i][0], a) == 0 &&
		    memcmp(t.p + t.len - b, pairs[i][1], b) == 0)
			return (true);
	}
	return (false);
}

/* Whether ${t} begins with an IP address and a blank: a line of racoon's psk.txt. */
static bool
has_address(struct span t)
{
	char word[ADDR_TEXT];
	struct addr a;
	size_t n;

	for (n = 0; n < t.len && n < sizeof(word) - 1 && t.p[n] != ' ' && t.p[n] != '\t'; n++)
		word[n] = (char)t.p[n];
	word[n] = '\0';
	if (n == t.len || (t.p[n] != ' ' && t.p[n] != '\t') || addr_parse(&a, word) != 0)
		n = 0;
	wipe(word, sizeof(word));
	return (n > 0);
}

/*
 * Text that is valid as it stands but has more often than not been saved by accident. ${crlf}: \r\n followed it.
 */
static void
warn_text(const char *from, struct span t, bool crlf, const char *what)
{
	if (t.len == 0)
		return;
	/* Other tools take the CR of a file from Windows for a part of the secret. */
	if (crlf)
		report_warn("%s: ends in CR LF (saved on Windows?): neither is taken as part of the %s, but the peer's "
		    "may have the CR", from, what);
	else if (t.p[t.len - 1] == '\r')
		report_warn("%s: ends in CR, which is taken as part of the %s", from, what);
	if (t.len >= 3 && memcmp(t.p, "\xef\xbb\xbf", 3) == 0)
		report_warn("%s: starts with a byte order mark, which is taken as part of the %s",
		    from, what);
	if (memchr(t.p, '\n', t.len) != NULL)
		report_warn("%s: has several lines, all of which are taken as the %s", from, what);
	else if (t.p[0] == ' ' || t.p[t.len - 1] == ' ' || t.p[t.len - 1] == '\t')
		report_warn("%s: blanks at the ends are taken as part of the %s", from, what);
	if (is_quoted(t))
		report_warn("%s: quotes at both ends are taken as part of the %s", from, what);
	if (has_address(t))
		report_warn("%s: the address in front (a line of racoon's psk.txt?) is taken as part of the %s", from,
		    what);
	if (memchr(t.p, 0, t.len) != NULL)
		report_warn("%s: NUL bytes are taken as part of the %s (saved as UTF-16?)", from, what);
}

/* Whether ${fd} can be read as a secret, and a word if others can read it too. */
static int
check_file(int fd, const char *from, bool is_secret, struct fault *f)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return (fault_sys(f, FAULT_SECRET_FILE, "cannot read"));
	if (S_ISDIR(st.st_mode))
		return (fault(f, FAULT_SECRET_FILE, "is a directory"));
	if (!S_ISREG(st.st_mode))
		return (0);
	if (!is_secret)
		return (0);
	if ((st.st_mode & 077) != 0)
		report_wide_mode(from, st.st_mode & 07777U);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		report_warn("%s: belongs to another user (uid %u)", from, (unsigned)st.st_uid);
	return (0);
}

static volatile sig_atomic_t caught;

static void
catch(int sig)
{
	caught = sig;
}

/*
 * Asks on the terminal ${fd}. A signal puts the terminal back as it was before
 * it takes its course.
 */
static int
prompt(struct secret *text, int fd, const char *what, bool echo, struct fault *f)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	struct sigaction act = { .sa_handler = catch }, old[5];
	struct termios was, quiet;
	char line[128];
	bool crlf;		/* of a terminal it says nothing */
	sigset_t block, mask;
	size_t i;
	int rc, n;

	if (tcgetattr(fd, &was) != 0)
		return (fault_sys(f, FAULT_SECRET_FILE, "cannot prompt for the %s", what));
	caught = 0;
	/* One that comes before the wait for the line is to end it, too. */
	(void)sigemptyset(&block);
	for (i = 0; i < 5; i++)
		(void)sigaddset(&block, sigs[i]);
	(void)sigprocmask(SIG_BLOCK, &block, &mask);
	for (i = 0; i < 5; i++)
		(void)sigaction(sigs[i], &act, &old[i]);
	quiet = was;
	if (!echo)
		quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ICANON | ECHONL;
	(void)tcsetattr(fd, TCSAFLUSH, &quiet);
	n = snprintf(line, sizeof(line), "%s: ", what);
	(void)!write(STDERR_FILENO, line, (size_t)n);	/* unseen or not, the line counts */
	rc = read_all(text, fd, SECRET_FILE_MAX, &mask, &crlf, f);
	(void)tcsetattr(fd, TCSAFLUSH, &was);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	for (i = 0; i < 5; i++)
		(void)sigaction(sigs[i], &old[i], NULL);
	if (caught != 0) {
		secret_free(text);
		(void)raise(caught);
		return (fault(f, FAULT_SECRET_FILE, "interrupted while asking for the %s", what));
	}
	return (rc);
}

static int
read_env(struct secret *text, const char *name, struct fault *f)
{
	char *v = getenv(name);
	size_t len;
	int rc;

	if (v == NULL)
		return (fault(f, FAULT_SECRET_FILE, "no such variable in the environment"));
	if ((len = strlen(v)) > SECRET_FILE_MAX)
		return (fault(f, FAULT_SECRET_FILE, "longer than %d bytes", SECRET_FILE_MAX));
	rc = secret_set(text, span_of(v, len));
	/* Out of /proc/PID/environ and of what scripts inherit. */
	wipe(v, len);
	(void)unsetenv(name);
	return (rc == 0 ? 0 : fault(f, FAULT_MEMORY, "no locked memory for a secret"));
}

/* The descriptor of a path; relative ones start at the directory of ${beside}. */
static int
open_path(const char *from, const char *beside, struct fault *f)
{
	char path[PATH_MAX];
	int fd;

	if (file_source_beside(path, from, beside) != 0)
		return (fault(f, FAULT_SECRET_FILE, "the path is too long"));
	if ((fd = file_source_open(path)) < 0)
		return (fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_SECRET_FILE, "cannot open"));
	return (fd);
}

static int
fd_number(const char *text, struct fault *f)
{
	char *end;
	long fd = strtol(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || fd > INT_MAX)
		return (fault(f, FAULT_SECRET_FILE, "fd: needs the number of a descriptor"));
	return ((int)fd);
}

/* --- what can be read once --- */

static bool keeping;
static size_t n_kept;
static struct kept {
	char		*from;		/* and what it is, behind a blank */
	struct secret	 text;
} kept[SECRET_ONCE_MAX];

void
secret_file_keep(bool keep)
{
	keeping = keep;
	while (!keep && n_kept > 0) {
		n_kept--;
		free(kept[n_kept].from);
		secret_free(&kept[n_kept].text);
	}
}

static bool
is_gone(const char *from)
{
	return (strcmp(from, "-") == 0 || strcmp(from, "tty") == 0 || strncmp(from, "fd:", 3) == 0 || strncmp(from, "env:", 4) == 0);
}

static struct kept *
find_kept(const char *from, const char *what)
{
	size_t i, len = strlen(from);

	for (i = 0; i < n_kept; i++)
		if (strncmp(kept[i].from, from, len) == 0 && kept[i].from[len] == ' ' && strcmp(kept[i].from + len + 1, what) == 0)
			return (&kept[i]);
	return (NULL);
}

/* Without memory it is not kept: then it cannot be read again, as before. */
static void
keep_text(const char *from, const char *what, const struct secret *text)
{
	size_t len = strlen(from) + strlen(what) + 2;
	struct kept *k = &kept[n_kept];

	if (!keeping || !is_gone(from) || n_kept == SECRET_ONCE_MAX || (k->from = malloc(len)) == NULL)
		return;
	(void)snprintf(k->from, len, "%s %s", from, what);
	if (secret_set(&k->text, secret_span(text)) == 0)
		n_kept++;
	else
		free(k->from);
}

/* 1: ${text} is what was kept; 0: nothing was; -1 with FAULT_MEMORY. */
static int
give_kept(struct secret *text, const char *from, const char *what, struct fault *f)
{
	const struct kept *k = keeping ? find_kept(from, what) : NULL;

	if (k == NULL)
		return (0);
	return (secret_set(text, secret_span(&k->text)) == 0 ? 1 : fault(f, FAULT_MEMORY, "no memory for a secret"));
}

/* The descriptor of ${from}, which is no variable's; ${*borrowed}: it is not to be closed. */
static int
open_from(const char *from, const char *beside, bool *borrowed, struct fault *f)
{
	*borrowed = strcmp(from, "-") == 0 || strncmp(from, "fd:", 3) == 0;
	if (*borrowed)
		return (from[0] == '-' ? STDIN_FILENO : fd_number(from + 3, f));
	return (open_path(strcmp(from, "tty") == 0 ? "/dev/tty" : from, beside, f));
}

static int
read_text(struct secret *text, const char *from, const char *what, const char *beside, bool *crlf,
    struct fault *f)
{
	bool borrowed;
	int fd, rc = give_kept(text, from, what, f);

	if (rc != 0)
		return (rc > 0 ? 0 : -1);
	if (strncmp(from, "env:", 4) == 0)
		rc = read_env(text, from + 4, f);
	else if ((fd = open_from(from, beside, &borrowed, f)) < 0)
		return (-1);
	else {
		if (isatty(fd))
			rc = prompt(text, fd, what, false, f);
		else
			rc = check_file(fd, from, true, f) != 0 ? -1 : read_all(text, fd, SECRET_FILE_MAX, NULL, crlf, f);
		if (!borrowed)
			(void)close(fd);
	}
	if (rc == 0)
		keep_text(from, what, text);
	return (rc);
}

int
secret_ask(struct secret *out, const char *what, bool echo, struct fault *f)
{
	struct secret text = {0};
	int fd = open_path("/dev/tty", NULL, f), rc;

	secret_free(out);
	if (fd < 0)
		return (-1);
	rc = prompt(&text, fd, what, echo, f);
	if (rc == 0)
		rc = secret_decode(out, secret_span(&text), SECRET_RAW, what, f);
	secret_free(&text);
	(void)close(fd);
	return (rc);
}

void
file_bytes_free(struct bytes *b)
{
	if (b->len > 0)
		wipe(b->p, b->len);
	bytes_free(b);
}

/* Room for twice as much, or for a first piece; the old bytes are wiped. */
static int
more_room(struct bytes *b, struct fault *f)
{
	struct bytes more = { .len = b->len > 0 ? 2 * b->len : 16384 };

	if ((more.p = malloc(more.len)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a file"));
	if (b->len > 0)
		memcpy(more.p, b->p, b->len);
	file_bytes_free(b);
	*b = more;
	return (0);
}

static int
read_bytes(struct bytes *out, int fd, size_t max, struct fault *f)
{
	size_t n = 0;
	ssize_t got;

	do {
		if (n == out->len && more_room(out, f) != 0)
			return (-1);
		got = read(fd, out->p + n, out->len - n);
		if (got < 0 && errno != EINTR)
			return (fault_sys(f, FAULT_SECRET_FILE, "cannot read"));
		n += got > 0 ? (size_t)got : 0;
		if (n > max)
			return (fault(f, FAULT_SECRET_FILE, "longer than %zu bytes", max));
	} while (got != 0);
	out->len = n;
	return (n > 0 ? 0 : fault(f, FAULT_SECRET_FILE, "is empty"));
}

int
file_bytes_read(struct bytes *out, const char *from, size_t max, const char *beside, struct fault *f)
{
	struct secret text = {0};
	bool borrowed;
	int fd, rc;

	*out = (struct bytes){0};
	if (strncmp(from, "env:", 4) == 0) {
		rc = read_env(&text, from + 4, f);
		if (rc == 0 && (rc = bytes_set(out, secret_span(&text))) != 0)
			(void)fault(f, FAULT_MEMORY, "no memory for a file");
		secret_free(&text);
	} else if ((fd = open_from(from, beside, &borrowed, f)) < 0)
		rc = -1;
	else {
		rc = check_file(fd, from, false, f) != 0 ? -1 : read_bytes(out, fd, max, f);
		if (!borrowed)
			(void)close(fd);
	}
	if (rc != 0) {
		file_bytes_free(out);
		fault_where(f, "%s", from);
	}
	return (rc);
}

int
secret_file_bytes(struct secret *out, const char *from, const char *beside, struct fault *f)
{
	bool borrowed;
	int fd, rc;

	secret_free(out);
	if ((rc = give_kept(out, from, "bytes", f)) != 0)
		rc = rc > 0 ? 0 : -1;
	else if (strncmp(from, "env:", 4) == 0)
		rc = read_env(out, from + 4, f);
	else if ((fd = open_from(from, beside, &borrowed, f)) < 0)
		rc = -1;
	else {
		rc = check_file(fd, from, true, f) != 0 ? -1 : read_all(out, fd, BYTES_MAX, NULL, NULL, f);
		if (!borrowed)
			(void)close(fd);
	}
	if (rc == 0 && out->len == 0)
		rc = fault(f, FAULT_SECRET_FILE, "is empty");
	if (rc == 0 && find_kept(from, "bytes") == NULL)
		keep_text(from, "bytes", out);
	if (rc != 0) {
		secret_free(out);
		fault_where(f, "%s", from);
	}
	return (rc);
}

int
secret_file_read(struct secret *out, const char *from, enum secret_format format,
    const char *what, const char *beside, struct fault *f)
{
	struct secret text = {0};
	bool crlf = false;
	int rc;

	secret_free(out);
	if (from == NULL && isatty(STDERR_FILENO))
		from = "tty";
	if (from == NULL)
		return (fault_because(f, CAUSE_NO_TERMINAL,
		    fault(f, FAULT_SECRET_FILE, "no %s given and no terminal to ask on", what)));
	rc = read_text(&text, from, what, beside, &crlf, f);
	if (rc == 0)
		rc = secret_decode(out, secret_span(&text), format, what, f);
	if (rc == 0 && settle(format, secret_span(&text)) == SECRET_RAW)
		warn_text(from, secret_span(&text), crlf, what);
	if (rc != 0)
		fault_where(f, "%s", from);
	secret_free(&text);
	return (rc);
}
