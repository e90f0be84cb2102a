/* The input of a command (commands.h): texts behind each other, most of them "KEY=VALUE\0". */
#ifndef SAPIPE_TOOL_COMMAND_IN_H
#define SAPIPE_TOOL_COMMAND_IN_H

#include "base/span.h"
#include "tool/commands.h"

struct command_in {		/* all zero is empty */
	size_t	len;
	bool	full;		/* something did not fit */
	char	b[COMMAND_IN_MAX];
};

void command_in_add(struct command_in *in, struct span s);
/* Adds ${key}, which ends with "=" or is "", ${value} and ${end}. */
void command_in_text(struct command_in *in, const char *key, const char *value, char end);
void command_in_number(struct command_in *in, const char *key, uint64_t value);
/* Adds the bytes in hex. Nothing, if there are none. */
void command_in_hex(struct command_in *in, const char *key, struct span value);

#endif
