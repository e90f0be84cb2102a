/* vpn.data and vpn.secrets of a profile, as the file of a tunnel. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "nm_sapipe.h"

/*
 * A user may have the right to write profiles and not be root. So a key that runs a command, or that makes a tool write a file,
 * is not one of these. Nor is "timeout": in the files of NetworkManager that is vpn.timeout.
 */
static const char *const keys[] = {
	"address", "ah", "aggressive-clear", "auth", "backend", "ca", "cert", "cert-policy", "commit-bit", "crl", "df", "dpd-interval",
	"dpd-tries", "dscp", "dscp-map", "encap", "esp", "esp-lifebytes", "esp-lifetime", "exchange", "fragment-size",
	"fragmentation", "heartbeat", "heartbeat-reconnect", "heartbeat-threshold", "ike", "ike-lifetime", "key", "local",
	"local-id", "local-ts", "mode", "mode-config", "mode-config-push", "mss", "mtu", "natt", "natt-keepalive", "natt-port",
	"peer-cert", "peer-cert-hash", "pfs-fallback", "psk-format", "remote-id", "remote-ts", "replay-window", "tcp-port",
	"tun", "tun-address", "xauth-user",
};
/* Of these, files: of the service's own directory there is nothing to name. */
static const char *const file_keys[] = { "ca", "cert", "crl", "key", "peer-cert" };

#define SECRETS	3
static const struct secret_key {
	const char	*name;	/* in vpn.secrets */
	const char	*key;	/* in the file */
} secrets[SECRETS] = {
	{ "psk", "psk-file" },
	{ "xauth-password", "xauth-password-file" },
	{ "key-passphrase", "key-passphrase" },
};

static gboolean
among(const char *word, const char *const *words, gsize n)
{
	for (gsize i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return (TRUE);
	return (FALSE);
}

/* Whether the method needs the secret ${k}, or the profile has flags for it. */
static gboolean
wants(NMSettingVpn *vpn, const struct secret_key *k)
{
	const char *auth = nm_setting_vpn_get_data_item(vpn, "auth");
	NMSettingSecretFlags flags = NM_SETTING_SECRET_FLAG_NONE;
	g_autofree char *flag_key = g_strdup_printf("%s-flags", k->name);
	gboolean named = nm_setting_vpn_get_data_item(vpn, flag_key) != NULL;

	(void)nm_setting_get_secret_flags(NM_SETTING(vpn), k->name, &flags, NULL);
	if ((flags & NM_SETTING_SECRET_FLAG_NOT_REQUIRED) != 0)
		return (FALSE);
	if (auth == NULL)
		auth = "psk";
	if (strcmp(k->name, "psk") == 0)
		return (strcmp(auth, "psk") == 0 || strcmp(auth, "xauth-psk") == 0);
	if (strcmp(k->name, "xauth-password") == 0)
		return (g_str_has_prefix(auth, "xauth-") || strcmp(auth, "hybrid") == 0);
	return (named);
}

const char **
settings_missing(NMConnection *c)
{
	NMSettingVpn *vpn = nm_connection_get_setting_vpn(c);
	const char **names = g_new0(const char *, SECRETS + 1);
	gsize n = 0;

	for (gsize i = 0; vpn != NULL && i < SECRETS; i++)
		if (wants(vpn, &secrets[i]) && nm_setting_vpn_get_secret(vpn, secrets[i].name) == NULL)
			names[n++] = secrets[i].name;
	if (n > 0)
		return (names);
	g_free(names);
	return (NULL);
}

static gboolean
bad(GError **err, const char *format, const char *word)
{
	char *text = g_strdup_printf(format, word);

	g_set_error_literal(err, NM_VPN_PLUGIN_ERROR, NM_VPN_PLUGIN_ERROR_BAD_ARGUMENTS, text);
	g_free(text);
	return (FALSE);
}

/* The file is of lines; a comment begins behind a blank. */
static gboolean
fits(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || (*p == ';' && p > value && p[-1] == ' '))
			return (FALSE);
	return (*value != '\0' && *value != ' ');
}

struct lines {
	GString	*text;
	GError	*err;
	gboolean user, tun;	/* the profile has that key */
};

static void
add_line(const char *key, const char *value, gpointer arg)
{
	struct lines *l = arg;

	/* Whether the agent of the user keeps a secret is for NetworkManager. */
	if (l->err != NULL || g_str_has_suffix(key, "-flags"))
		return;
	if (!among(key, keys, G_N_ELEMENTS(keys)))
		(void)bad(&l->err, "vpn.data: %s is not a key of this service", key);
	else if (!fits(value))
		(void)bad(&l->err, "vpn.data: the value of %s is empty or has control characters", key);
	else if (among(key, file_keys, G_N_ELEMENTS(file_keys)) && value[0] != '/')
		(void)bad(&l->err, "vpn.data: %s is not an absolute path", key);
	else
		g_string_append_printf(l->text, "%s = %s\n", key, value);
	l->user |= strcmp(key, "xauth-user") == 0;
	l->tun |= strcmp(key, "tun") == 0;
}

static gboolean
write_file(const char *dir, const char *name, const char *text, gsize len, GError **err)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	gboolean done = fd != -1 && write(fd, text, len) == (ssize_t)len;

	if (!done)
		g_set_error(err, NM_VPN_PLUGIN_ERROR, NM_VPN_PLUGIN_ERROR_LAUNCH_FAILED, "cannot write %s: %s", path,
		    g_strerror(errno));
	if (fd != -1)
		(void)close(fd);
	return (done);
}

/* A secret is a line of a file. */
static gboolean
write_secret(const char *dir, const struct secret_key *k, const char *value, GError **err)
{
	gsize len = strlen(value);
	char *line;
	gboolean done;

	if (len == 0 || strpbrk(value, "\r\n") != NULL)
		return (bad(err, "vpn.secrets: %s is empty or has a line end", k->name));
	line = g_strconcat(value, "\n", NULL);
	done = write_file(dir, k->name, line, len + 1, err);
	explicit_bzero(line, len + 1);
	g_free(line);
	return (done);
}

/* The name of the section, which the lines of the log have: that of the profile, where it is one. */
static void
section_name(const char *id, char *name, gsize size)
{
	gsize n = 0;

	for (; id != NULL && *id != '\0' && n + 1 < size; id++)
		name[n++] = g_ascii_isalnum(*id) || *id == '_' || *id == '-' ? *id : '_';
	name[n] = '\0';
	if (n == 0)
		(void)g_strlcpy(name, "tunnel", size);
}

gboolean
settings_write(NMConnection *c, const char *dir, const char *script, char *name, gsize size, GError **err)
{
	NMSettingVpn *vpn = nm_connection_get_setting_vpn(c);
	const char *device = nm_connection_get_interface_name(c), *user, *secret;
	g_autofree char *file = NULL;
	struct lines l = { .text = g_string_new(NULL) };
	char section[NAME_MAX_LEN];
	gboolean done = FALSE;

	section_name(nm_connection_get_id(c), section, sizeof(section));
	g_string_append_printf(l.text, "[%s]\nrole = initiator\nroute = no\nscript = %s\n", section, script);
	if (vpn == NULL)
		(void)bad(&l.err, "%s is not a profile of a VPN", section);
	else
		nm_setting_vpn_foreach_data_item(vpn, add_line, &l);
	if (l.err == NULL && !l.user && (user = nm_setting_vpn_get_user_name(vpn)) != NULL)
		add_line("xauth-user", user, &l);
	/* NetworkManager gives up after vpn.timeout; before that, the tools have said which exchange was not answered. */
	if (l.err == NULL && nm_setting_vpn_get_timeout(vpn) > 0)
		g_string_append_printf(l.text, "timeout = %u\n", (nm_setting_vpn_get_timeout(vpn) + 1) / 2);
	if (l.err == NULL && !l.tun && device != NULL)
		add_line("tun", device, &l);
	for (gsize i = 0; l.err == NULL && i < SECRETS; i++) {
		if ((secret = nm_setting_vpn_get_secret(vpn, secrets[i].name)) == NULL)
			continue;
		if (write_secret(dir, &secrets[i], secret, &l.err))
			g_string_append_printf(l.text, "%s = %s\n", secrets[i].key, secrets[i].name);
	}
	if (l.err == NULL) {
		(void)g_snprintf(name, (gulong)size, "nm-%s", nm_connection_get_uuid(c));
		file = g_strconcat(name, ".conf", NULL);
		done = write_file(dir, file, l.text->str, l.text->len, &l.err);
	}
	g_string_free(l.text, TRUE);
	if (l.err != NULL)
		g_propagate_error(err, l.err);
	return (done);
}

static void
remove_file(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	(void)unlink(path);
}

void
settings_forget(const char *dir)
{
	for (gsize i = 0; i < SECRETS; i++)
		remove_file(dir, secrets[i].name);
}

void
settings_remove(const char *dir)
{
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *name;

	while (d != NULL && (name = g_dir_read_name(d)) != NULL)
		remove_file(dir, name);
	if (d != NULL)
		g_dir_close(d);
	(void)rmdir(dir);
}
