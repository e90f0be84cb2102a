/* nm-sapipe-service: the VPN service of NetworkManager whose tunnels are pipelines of sapipe. */
#ifndef NM_SAPIPE_H
#define NM_SAPIPE_H

#include <NetworkManager.h>

#define SERVICE		"org.freedesktop.NetworkManager.sapipe"
#define NAME_MAX_LEN	64	/* of a tunnel or section, with its NUL */

/* --- settings.c: what a profile has in vpn.data and vpn.secrets, as the file of a tunnel --- */

/*
 * The secrets that the profile needs and does not have, as their names in vpn.secrets, NULL at the end; the caller frees the
 * array by g_free(). NULL: none.
 */
const char **settings_missing(NMConnection *c);
/*
 * Writes ${dir}/NAME.conf, and beside it a file of mode 0600 for each secret; ${name} of ${size} bytes receives NAME. ${dir} is
 * empty and no other user can look into it. ${script} is the command that esp-tun runs. FALSE with an error: a key that is not
 * allowed, a value that the file cannot have, or a file that cannot be written.
 */
gboolean settings_write(NMConnection *c, const char *dir, const char *script, char *name, gsize size, GError **err);
/* Removes the files of secrets from ${dir}; the tools have read them when the tunnel is up. */
void settings_forget(const char *dir);
/* The same of everything, and of ${dir}. */
void settings_remove(const char *dir);

/* --- report.c: what esp-tun knows of the tunnel, from its script to the service --- */

/* The largest report, in bytes: esp-tun limits the lists of mode config. */
#define REPORT_MAX	65536

/* The script: sends the variables of the environment to the socket. Exit status. */
int report_send(const char *path);
/* The variables of ${len} bytes as sent; NULL: no report. g_hash_table_unref() releases it. */
GHashTable *report_parse(const char *data, gsize len);
/* The dictionaries of NetworkManager. ${err}: there is no address, and so no configuration. */
gboolean report_config(GHashTable *vars, GVariant **config, GVariant **ip4, GVariant **ip6, GError **err);

/* --- pipeline.c: the processes --- */

struct pipeline;

struct pipeline_calls {
	/* The pipeline has ended; ${login}: the peer rejected user, password, key or certificate. ${cause} may be "". */
	void	(*ended)(void *arg, gboolean login, const char *cause);
	void	*arg;
};

/* Starts "sapipe run ${name}" with the files of ${dir}. NULL with an error. */
struct pipeline *pipeline_start(const char *dir, const char *name, const struct pipeline_calls *calls, GError **err);
/* Ends it, waits for that, and releases it; ended() is not called any more. NULL is nothing. */
void pipeline_stop(struct pipeline *p);
/* The process that keeps the tools of a pipeline: ends them when its standard input ends. Exit status. */
int pipeline_keep(const char *name);

#endif
