/* Lines on standard error, as text for people, as JSON, or with the priorities of a journal. report.h is what others call. */
#ifndef SAPIPE_CLI_LOG_H
#define SAPIPE_CLI_LOG_H

#include <stddef.h>
#include <syslog.h>

#define LOG_TEXT_MAX	2048	/* bytes of one line before escaping */
#define LOG_FORMATS	"text|json|journal|time"	/* in the order of the enum, for OPT_CHOICE */

enum log_format {
	LOG_AS_TEXT,
	LOG_AS_JSON,	/* an object a line: time, priority, tool, peer, message, hint, code */
	LOG_AS_JOURNAL,	/* text behind "<3>" and the like, the priority as in syslog(3): sd-daemon(3) */
	LOG_AS_TIMED,	/* text behind the time, in UTC */
};

struct log_line {
	int		 priority;	/* LOG_ERR, LOG_WARNING, LOG_INFO or LOG_DEBUG */
	const char	*kind;		/* in front of the text, but not in JSON: "warning: " */
	const char	*text;		/* NULL: the hint alone */
	const char	*peer;		/* its first ${peer_len} bytes name the peer; 0: as log_peer() says */
	size_t		 peer_len;
	const char	*code;		/* of a fault, or NULL */
	const char	*hint;		/* a line of its own, but not in JSON; NULL: none */
};

void log_set_format(enum log_format format);
/* Journal if $JOURNAL_STREAM names what standard error is, by device and inode, as systemd says; otherwise text. */
enum log_format log_default_format(void);
/* See report_peer() and report_only_peer(). */
void log_peer(const char *name, size_t len);
void log_only_peer(const char *name);
/* Writes it, escaped, each line with one write(2). */
void log_put(const struct log_line *l);

#endif
