/* nm-sapipe-service: NetworkManager starts it, and calls it over D-Bus. */
#include <errno.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/version.h"
#include "nm_sapipe.h"

#define RUN_DIR	"/run"

typedef struct {
	NMVpnServicePlugin parent;
	struct pipeline	*pipeline;
	char		*dir;		/* of the files of the tunnel; NULL: none runs */
	guint		 reports;	/* source of the socket in it */
	int		 socket;
	NMConnection	*waiting;	/* for secrets; NULL: no */
} Service;

typedef struct {
	NMVpnServicePluginClass parent;
} ServiceClass;

static GType service_get_type(void);
G_DEFINE_TYPE(Service, service, NM_TYPE_VPN_SERVICE_PLUGIN)

static const char *self;	/* path of this program */

/* Ends the tunnel, and removes its files. */
static void
clear(Service *s)
{
	g_clear_object(&s->waiting);
	pipeline_stop(s->pipeline);
	s->pipeline = NULL;
	if (s->reports != 0)
		g_source_remove(s->reports);
	s->reports = 0;
	if (s->socket != -1)
		(void)close(s->socket);
	s->socket = -1;
	if (s->dir != NULL)
		settings_remove(s->dir);
	g_clear_pointer(&s->dir, g_free);
}

static void
fail(Service *s, NMVpnPluginFailure reason, const char *cause)
{
	g_printerr("nm-sapipe-service: the tunnel is not up%s%s\n", cause[0] != '\0' ? ": " : "", cause);
	clear(s);
	/* From another state, libnm would send CONNECT_FAILED behind the reason, and NetworkManager keeps the last one. */
	g_object_set(s, NM_VPN_SERVICE_PLUGIN_STATE, NM_VPN_SERVICE_STATE_STOPPING, NULL);
	nm_vpn_service_plugin_failure(NM_VPN_SERVICE_PLUGIN(s), reason);
	g_object_set(s, NM_VPN_SERVICE_PLUGIN_STATE, NM_VPN_SERVICE_STATE_STOPPED, NULL);
}

static void
on_ended(void *arg, gboolean login, const char *cause)
{
	fail(arg, login ? NM_VPN_PLUGIN_FAILURE_LOGIN_FAILED : NM_VPN_PLUGIN_FAILURE_CONNECT_FAILED, cause);
}

/* The script of esp-tun says what the tunnel is like; again, when the peer has been connected anew. */
static gboolean
on_report(gint fd, GIOCondition condition, gpointer arg)
{
	Service *s = arg;
	NMVpnServicePlugin *plugin = NM_VPN_SERVICE_PLUGIN(s);
	static char text[REPORT_MAX];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	GVariant *config, *ip4, *ip6;
	g_autoptr(GHashTable) vars = NULL;
	g_autoptr(GError) err = NULL;

	(void)condition;
	if (n <= 0 || (vars = report_parse(text, (gsize)n)) == NULL ||
	    g_strcmp0(g_hash_table_lookup(vars, "reason"), "connect") != 0)
		return (G_SOURCE_CONTINUE);
	settings_forget(s->dir);
	if (!report_config(vars, &config, &ip4, &ip6, &err)) {
		s->reports = 0;
		fail(s, NM_VPN_PLUGIN_FAILURE_BAD_IP_CONFIG, err->message);
		return (G_SOURCE_REMOVE);
	}
	nm_vpn_service_plugin_set_config(plugin, config);
	g_variant_unref(config);
	if (ip4 != NULL) {
		nm_vpn_service_plugin_set_ip4_config(plugin, ip4);
		g_variant_unref(ip4);
	}
	if (ip6 != NULL) {
		nm_vpn_service_plugin_set_ip6_config(plugin, ip6);
		g_variant_unref(ip6);
	}
	return (G_SOURCE_CONTINUE);
}

/* The socket that the script writes to. */
static gboolean
listen_for_reports(Service *s, const char *path, GError **err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	s->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->socket == -1 || g_strlcpy(a.sun_path, path, sizeof(a.sun_path)) >= sizeof(a.sun_path) ||
	    bind(s->socket, (struct sockaddr *)&a, sizeof(a)) == -1) {
		g_set_error(err, NM_VPN_PLUGIN_ERROR, NM_VPN_PLUGIN_ERROR_LAUNCH_FAILED, "%s: %s", path, g_strerror(errno));
		return (FALSE);
	}
	s->reports = g_unix_fd_add(s->socket, G_IO_IN, on_report, s);
	return (TRUE);
}

static gboolean
start(Service *s, NMConnection *c, GError **err)
{
	struct pipeline_calls calls = { .ended = on_ended, .arg = s };
	char name[NAME_MAX_LEN];
	g_autofree char *path = NULL, *script = NULL;

	clear(s);
	s->dir = g_strdup(RUN_DIR "/nm-sapipe-XXXXXX");
	if (mkdtemp(s->dir) == NULL) {
		g_set_error(err, NM_VPN_PLUGIN_ERROR, NM_VPN_PLUGIN_ERROR_LAUNCH_FAILED, "no directory in %s: %s", RUN_DIR,
		    g_strerror(errno));
		g_clear_pointer(&s->dir, g_free);
		return (FALSE);
	}
	path = g_build_filename(s->dir, "report", NULL);
	script = g_strdup_printf("%s --report %s", self, path);
	if (listen_for_reports(s, path, err) && settings_write(c, s->dir, script, name, sizeof(name), err) &&
	    (s->pipeline = pipeline_start(s->dir, name, &calls, err)) != NULL)
		return (TRUE);
	clear(s);
	return (FALSE);
}

static gboolean
service_connect(NMVpnServicePlugin *plugin, NMConnection *c, GError **err)
{
	const char **missing = settings_missing(c);

	if (missing == NULL)
		return (start((Service *)plugin, c, err));
	g_set_error(err, NM_VPN_PLUGIN_ERROR, NM_VPN_PLUGIN_ERROR_BAD_ARGUMENTS, "vpn.secrets has no %s", missing[0]);
	g_free(missing);
	return (FALSE);
}

/* The same where somebody can be asked for secrets. */
static gboolean
service_connect_interactive(NMVpnServicePlugin *plugin, NMConnection *c, GVariant *details, GError **err)
{
	Service *s = (Service *)plugin;
	const char **missing = settings_missing(c);

	(void)details;
	if (missing == NULL)
		return (start(s, c, err));
	clear(s);
	s->waiting = g_object_ref(c);
	g_printerr("nm-sapipe-service: vpn.secrets has no %s: asking for it\n", missing[0]);
	nm_vpn_service_plugin_secrets_required(plugin, "The tunnel needs secrets", missing);
	g_free(missing);
	return (TRUE);
}

static gboolean
service_new_secrets(NMVpnServicePlugin *plugin, NMConnection *c, GError **err)
{
	if (((Service *)plugin)->waiting == NULL) {
		g_set_error_literal(err, NM_VPN_PLUGIN_ERROR, NM_VPN_PLUGIN_ERROR_WRONG_STATE, "no secrets were asked for");
		return (FALSE);
	}
	return (service_connect(plugin, c, err));
}

/* Connect says which secret is missing, by its name; this call could not. */
static gboolean
service_need_secrets(NMVpnServicePlugin *plugin, NMConnection *c, const char **setting, GError **err)
{
	(void)plugin;
	(void)c;
	(void)setting;
	(void)err;
	return (FALSE);
}

static gboolean
service_disconnect(NMVpnServicePlugin *plugin, GError **err)
{
	(void)err;
	clear((Service *)plugin);
	return (TRUE);
}

static void
service_init(Service *s)
{
	s->socket = -1;
}

static void
service_class_init(ServiceClass *class)
{
	NMVpnServicePluginClass *c = NM_VPN_SERVICE_PLUGIN_CLASS(class);

	c->connect = service_connect;
	c->connect_interactive = service_connect_interactive;
	c->new_secrets = service_new_secrets;
	c->need_secrets = service_need_secrets;
	c->disconnect = service_disconnect;
}

static gboolean
on_signal(gpointer loop)
{
	g_main_loop_quit(loop);
	return (G_SOURCE_CONTINUE);
}

/* The path of this program, which the shell of esp-tun's script reads as one word. */
static gboolean
find_self(void)
{
	self = g_file_read_link("/proc/self/exe", NULL);
	if (self == NULL || self[strspn(self, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "/._+-")] != '\0') {
		g_printerr("nm-sapipe-service: the path of this program has special characters\n");
		return (FALSE);
	}
	return (TRUE);
}

static int
serve(const char *bus_name, gboolean persist)
{
	g_autoptr(GError) err = NULL;
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	GDBusConnection *bus;
	Service *s;

	if (!find_self())
		return (3);
	s = g_initable_new(service_get_type(), NULL, &err, NM_VPN_SERVICE_PLUGIN_DBUS_SERVICE_NAME, bus_name,
	    NM_VPN_SERVICE_PLUGIN_DBUS_WATCH_PEER, !persist, NULL);
	if (s == NULL) {
		g_printerr("nm-sapipe-service: %s\nhint: NetworkManager starts this program: nmcli connection up NAME\n", err->message);
		return (3);
	}
	if (!persist)
		(void)g_signal_connect_swapped(s, "quit", G_CALLBACK(g_main_loop_quit), loop);
	(void)g_unix_signal_add(SIGTERM, on_signal, loop);
	(void)g_unix_signal_add(SIGINT, on_signal, loop);
	g_main_loop_run(loop);
	clear(s);
	bus = nm_vpn_service_plugin_get_connection(NM_VPN_SERVICE_PLUGIN(s));
	nm_vpn_service_plugin_shutdown(NM_VPN_SERVICE_PLUGIN(s));
	/* What has not gone out yet may be the reason of a failure. */
	if (bus != NULL)
		(void)g_dbus_connection_flush_sync(bus, NULL, NULL);
	g_clear_object(&bus);
	g_object_unref(s);
	return (0);
}

int
main(int argc, char *argv[])
{
	g_autofree char *bus_name = NULL, *report = NULL, *pipeline = NULL;
	gboolean persist = FALSE, version = FALSE;
	g_autoptr(GError) err = NULL;
	GOptionEntry options[] = {
		{ "bus-name", 0, 0, G_OPTION_ARG_STRING, &bus_name, "name on the bus, for one of several tunnels", "NAME" },
		{ "persist", 0, 0, G_OPTION_ARG_NONE, &persist, "keep running when the tunnel is down, for tests", NULL },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &version, "print the version and exit", NULL },
		{ "report", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &report, NULL, NULL },
		{ "pipeline", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &pipeline, NULL, NULL },
		{ 0 },
	};
	g_autoptr(GOptionContext) context = g_option_context_new("- VPN service of NetworkManager for tunnels of sapipe");

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &err)) {
		g_printerr("nm-sapipe-service: %s\nhint: nm-sapipe-service --help lists the options\n", err->message);
		return (2);
	}
	if (version) {
		g_print("nm-sapipe-service %s\n", VERSION);
		return (0);
	}
	if (report != NULL)
		return (report_send(report));
	if (pipeline != NULL)
		return (pipeline_keep(pipeline));
	return (serve(bus_name != NULL ? bus_name : SERVICE, persist));
}
