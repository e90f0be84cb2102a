/* The formats of lines on standard error. */
#include "cli/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/escape.h"
#include "cli/prog_name.h"

#define PEER_MAX	160	/* bytes of its name */
#define TIME_MAX	48	/* bytes of a time */

static enum log_format format_now;
static char peer_now[PEER_MAX], only_peer[PEER_MAX];

void
log_set_format(enum log_format format)
{
	format_now = format;
}

enum log_format
log_default_format(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return (LOG_AS_TEXT);
	dev = strtoull(text, &end, 10);
	if (*end != ':' || end[1] < '0' || end[1] > '9')
		return (LOG_AS_TEXT);
	ino = strtoull(end + 1, &end, 10);
	return (*end == '\0' && fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino ? LOG_AS_JOURNAL : LOG_AS_TEXT);
}

void
log_peer(const char *name, size_t len)
{
	(void)snprintf(peer_now, sizeof(peer_now), "%.*s", name != NULL ? (int)(len < PEER_MAX ? len : PEER_MAX) : 0,
	    name != NULL ? name : "");
}

void
log_only_peer(const char *name)
{
	(void)snprintf(only_peer, sizeof(only_peer), "%s", name);
}

static void
put_bytes(const char *line, size_t n)
{
	size_t off = 0;
	ssize_t got;

	while (off < n) {
		got = write(STDERR_FILENO, line + off, n - off);
		if (got < 0 && errno != EINTR)
			return;		/* nobody left to tell */
		off += got > 0 ? (size_t)got : 0;
	}
}

/* The time as RFC 3339 in UTC, with milliseconds; "" if there is none. */
static const char *
time_text(char out[static TIME_MAX])
{
	char day[32];
	struct timespec ts;
	struct tm tm;

	out[0] = '\0';
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (gmtime_r(&ts.tv_sec, &tm) != NULL && strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) != 0)
		(void)snprintf(out, TIME_MAX, "%s.%03ldZ", day, ts.tv_nsec / 1000000);
	return (out);
}

/* ${head}${text} escaped, as one line in one write. */
static void
put_line(int priority, const char *head, const char *text)
{
	char line[4 * LOG_TEXT_MAX + 512], now[TIME_MAX];
	size_t n = 0;

	if (format_now == LOG_AS_JOURNAL)
		n = (size_t)snprintf(line, sizeof(line), "<%d>", priority);
	else if (format_now == LOG_AS_TIMED)
		n = (size_t)snprintf(line, sizeof(line), "%s ", time_text(now));
	(void)escape_put(line + n, sizeof(line) - 1 - n, span_str(head));
	n += strlen(line + n);
	(void)escape_put(line + n, sizeof(line) - 1 - n, span_str(text));
	n += strlen(line + n);
	line[n++] = '\n';
	put_bytes(line, n);
}

/* --- JSON --- */

static void
set_text(json_t *o, const char *key, const char *text)
{
	char out[4 * LOG_TEXT_MAX];

	(void)json_object_set_new(o, key, json_string(escape_put(out, sizeof(out), span_str(text))));
}

static void
put_json(const struct log_line *l, const char *peer)
{
	json_t *o = json_object();
	char *text, now[TIME_MAX];

	if (o == NULL)
		return;
	if (time_text(now)[0] != '\0')
		set_text(o, "time", now);
	(void)json_object_set_new(o, "priority", json_integer(l->priority));
	set_text(o, "tool", prog_name());
	if (peer[0] != '\0')
		set_text(o, "peer", peer);
	if (l->code != NULL)
		set_text(o, "code", l->code);
	if (l->text != NULL)
		set_text(o, "message", l->text);
	if (l->hint != NULL)
		set_text(o, "hint", l->hint);
	if ((text = json_dumps(o, JSON_COMPACT)) != NULL) {
		size_t n = strlen(text);

		text[n] = '\n';		/* in the place of the NUL */
		put_bytes(text, n + 1);
	}
	free(text);
	json_decref(o);
}

void
log_put(const struct log_line *l)
{
	char head[PEER_MAX + 128], own[PEER_MAX];
	const char *peer = peer_now[0] != '\0' ? peer_now : only_peer;
	bool unnamed = l->peer_len == 0 && peer_now[0] == '\0' && only_peer[0] != '\0';

	if (l->peer_len > 0) {
		(void)snprintf(own, sizeof(own), "%.*s", (int)(l->peer_len < PEER_MAX ? l->peer_len : PEER_MAX), l->peer);
		peer = own;
	}
	if (format_now == LOG_AS_JSON) {
		put_json(l, peer);
		return;
	}
	if (l->text != NULL) {
		(void)snprintf(head, sizeof(head), "%s: %s%s%s", prog_name(), l->kind,
		    format_now == LOG_AS_JOURNAL && unnamed ? only_peer : "", format_now == LOG_AS_JOURNAL && unnamed ? ": " : "");
		put_line(l->priority, head, l->text);
	}
	if (l->hint != NULL)
		put_line(l->priority, "hint: ", l->hint);
}
