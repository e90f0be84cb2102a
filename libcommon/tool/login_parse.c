/* The output of a command that judges a login. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "ike/sa.h"
#include "tool/checkpw.h"
#include "tool/login.h"

/* A name for configuration and records. */
static bool
take_group(struct login_answer *a, const char *value)
{
	if (!checkpw_is_group(value))
		return (false);
	memcpy(a->login.group, value, strlen(value) + 1);
	return (true);
}

static bool
take_address(struct login_answer *a, const char *value)
{
	return (addr_parse(&a->login.address, value) == 0);
}

static bool
take_message(struct login_answer *a, const char *value)
{
	ike_config_text(a->login.message, span_str(value));
	return (strlen(value) < sizeof(a->login.message));
}

static bool
take_state(struct login_answer *a, const char *value)
{
	long n = hex_get(a->login.state, sizeof(a->login.state), value);

	a->login.state_len = n > 0 ? (size_t)n : 0;
	return (n >= 0);
}

static bool
take_ask(struct login_answer *a, const char *value)
{
	static const char *const words[] = {
		[IKE_ASK_ANSWER] = "answer", [IKE_ASK_PASSCODE] = "passcode", [IKE_ASK_PASSWORD] = "password",
		[IKE_ASK_NEXT_PIN] = "next-pin",
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], value) == 0) {
			a->login.ask = (enum ike_login_ask)i;
			return (true);
		}
	return (false);
}

static bool
take_account(struct login_answer *a, const char *value)
{
	long n = hex_get(a->account, sizeof(a->account), value);

	a->account_len = n > 0 ? (size_t)n : 0;
	return (n >= 0);
}

static bool
take_interim(struct login_answer *a, const char *value)
{
	size_t len = strspn(value, "0123456789");

	if (len == 0 || len > 9 || value[len] != '\0')
		return (false);
	a->interim_s = (uint32_t)strtoul(value, NULL, 10);
	return (true);
}

static const struct {
	const char	*key;
	bool		(*take)(struct login_answer *, const char *value);
} keys[] = {
	{ "group", take_group }, { "address", take_address }, { "message", take_message }, { "state", take_state },
	{ "ask", take_ask }, { "account", take_account }, { "interim", take_interim },
};

/* A line without its end. One with another key is for somebody else. */
static void
take_line(struct login_answer *a, const char *line)
{
	const char *eq = strchr(line, '=');
	size_t i;

	for (i = 0; eq != NULL && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].key) == (size_t)(eq - line) && memcmp(keys[i].key, line, (size_t)(eq - line)) == 0 &&
		    !keys[i].take(a, eq + 1) && a->odd[0] == '\0')
			(void)snprintf(a->odd, sizeof(a->odd), "its %s is too long or not one", keys[i].key);
}

void
login_parse(struct login_answer *a, const char *out)
{
	char line[2 * IKE_LOGIN_DATA + 64];
	size_t len;

	a->login.verdict = a->status == 0 ? IKE_LOGIN_YES : a->status == LOGIN_CHALLENGE ? IKE_LOGIN_CHALLENGE :
	    IKE_LOGIN_NO;
	for (; *out != '\0'; out += len + (out[len] == '\n')) {
		len = strcspn(out, "\n");
		if (len >= sizeof(line)) {
			(void)snprintf(a->odd, sizeof(a->odd), "a line of %zu bytes is too long", len);
			continue;
		}
		memcpy(line, out, len);
		line[len] = '\0';
		take_line(a, line);
	}
	/* Half of what a policy rests on is none of it. */
	if (a->odd[0] != '\0' && a->login.verdict != IKE_LOGIN_NO)
		a->login.verdict = IKE_LOGIN_NO;
	a->no = false;
}
