/* The input of a command. */
#include "tool/command_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
command_in_add(struct command_in *in, struct span s)
{
	if (in->full || s.len > sizeof(in->b) - in->len) {
		in->full = true;
		return;
	}
	if (s.len > 0)
		memcpy(in->b + in->len, s.p, s.len);
	in->len += s.len;
}

void
command_in_text(struct command_in *in, const char *key, const char *value, char end)
{
	command_in_add(in, span_str(key));
	command_in_add(in, span_str(value));
	command_in_add(in, span_of((const uint8_t *)&end, 1));
}

void
command_in_number(struct command_in *in, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	command_in_text(in, key, text, '\0');
}

void
command_in_hex(struct command_in *in, const char *key, struct span value)
{
	char byte[3];
	size_t i;

	if (value.len == 0)
		return;
	command_in_add(in, span_str(key));
	for (i = 0; i < value.len; i++) {
		(void)snprintf(byte, sizeof(byte), "%02x", value.p[i]);
		command_in_add(in, span_str(byte));
	}
	command_in_text(in, "", "", '\0');
}
