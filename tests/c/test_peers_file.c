#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/ini_file.h"
#include "tool/peers_file.h"
#include "tool/policy_opt.h"
#include "wire/vid.h"

static char dir[] = "/tmp/test_peers.XXXXXX";
static char path[128], psk[128];
static struct peers peers;
static struct fault f;
static struct policy_opts given = POLICY_OPTS_DEFAULT;

static void
write_file(const char *to, const char *text, size_t len)
{
	FILE *fp = fopen(to, "w");

	assert_non_null(fp);
	assert_int_equal(fwrite(text, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(chmod(to, 0600), 0);
}

static int
read_text(const char *text)
{
	peers_wipe(&peers);
	f = (struct fault){0};
	write_file(path, text, strlen(text));
	return (peers_file_read(&peers, path, &given, &f));
}

static void
good(const char *text)
{
	if (read_text(text) != 0)
		fail_msg("%s\n%s: %s", text, f.where, f.what);
}

static void
bad(const char *text, const char *where, const char *what)
{
	if (read_text(text) == 0)
		fail_msg("accepted:\n%s", text);
	assert_string_equal(f.where, where);
	if (strstr(f.what, what) == NULL)
		fail_msg("not '%s' but '%s'", what, f.what);
	assert_int_equal(fault_exit(f.code), EXIT_MISUSE);
	assert_int_equal(peers.n, 0);
	assert_null(peers.p);
}

static void
two_peers(void **state)
{
	char text[SELECTOR_TEXT];

	(void)state;
	good("; gateways\n"
	    "[defaults]\n"
	    "ike = 3des-md5-modp1024, aes256-sha256-modp2048\n"
	    "local-ts = 10.0.0.0/24\n"
	    "\n"
	    "[branch-7]\n"
	    "address = 198.51.100.7\n"
	    "psk-file = gw.psk\n"
	    "remote-ts = 10.7.0.0/24,\n"
	    "    10.8.0.0/24 ; a comment\n"
	    "\tremote-ts = 10.9.0.0/24\n"
	    "[road warriors]\n"
	    "# by ID\n"
	    "exchange = aggressive\n"
	    "psk-file: gw.psk\n"
	    "remote-id = road@example\n"
	    "local-ts = 10.1.0.0/16\n"
	    "esp = aes128-sha1\n"
	    "esp-lifebytes = 4Gi\n"
	    "dpd-interval = off\n"
	    "natt = force\n");
	assert_int_equal(peers.n, 2);
	assert_string_equal(peers.p[0].name, "branch-7");
	assert_int_equal(peers.p[0].ike.n, 2);
	assert_int_equal(peers.p[0].n_local_ts, 1);
	assert_int_equal(peers.p[0].n_remote_ts, 3);
	assert_string_equal(selector_text(text, &peers.p[0].remote_ts[1]), "10.8.0.0/24");
	assert_string_equal(selector_text(text, &peers.p[0].remote_addr), "198.51.100.7/32");
	assert_int_equal(peers.p[0].psk.len, 6);
	assert_memory_equal(peers.p[0].psk.p, "secret", 6);
	assert_int_equal(peers.p[0].exchange, SA_MAIN);
	assert_int_equal(peers.p[0].dpd_seconds, DPD_SECONDS_DEFAULT);
	assert_string_equal(peers.p[1].name, "road warriors");
	assert_int_equal(peers.p[1].ike.n, 2);
	assert_int_equal(peers.p[1].exchange, SA_AGGRESSIVE);
	assert_int_equal(peers.p[1].remote_addr.first.family, 0);
	assert_int_equal(peers.p[1].n_local_ts, 1);
	assert_string_equal(selector_text(text, &peers.p[1].local_ts[0]), "10.1.0.0/16");
	assert_int_equal(peers.p[1].esp.n, 1);
	assert_int_equal(peers.p[1].esp_kilobytes, 4 * 1024 * 1024);
	assert_int_equal(peers.p[1].dpd_seconds, 0);
	assert_int_equal(peers.p[1].natt, NATT_FORCE);
}

static void
options_are_defaults(void **state)
{
	(void)state;
	given.esp = "aes128-sha1";
	given.dpd_seconds = 7;
	good("[a]\npsk-file = gw.psk\n[b]\naddress = 192.0.2.1\nah = sha1\ndpd-interval = 9\n"
	    "psk-file = gw.psk\n");
	assert_int_equal(peers.p[0].esp.n, 1);
	assert_int_equal(peers.p[0].dpd_seconds, 7);
	assert_int_equal(peers.p[1].proto, SA_AH);
	assert_int_equal(peers.p[1].ah.n, 0);
	assert_int_equal(peers.p[1].dpd_seconds, 9);
	/* In one section the two are a bundle, in any order; [defaults] are replaced by either. */
	good("[defaults]\nesp = aes256-sha256\nah = sha512\n[a]\npsk-file = gw.psk\naddress = 192.0.2.2\nah = sha1\nesp = aes128-sha1\n"
	    "[b]\naddress = 192.0.2.1\nah = sha1\npsk-file = gw.psk\n");
	assert_int_equal(peers.p[0].proto, SA_ESP);
	assert_int_equal(peers.p[0].ah.n, 1);
	assert_string_equal(peers.p[0].ah.p[0].integ->word, "sha1");
	assert_int_equal(peers.p[1].proto, SA_AH);
	assert_int_equal(peers.p[1].ah.n, 0);
	given = (struct policy_opts)POLICY_OPTS_DEFAULT;
}

#define KEY	"psk-file = gw.psk\n"

static void
mistakes(void **state)
{
	(void)state;
	bad("", "peers.ini:1", "the file is empty");
	bad("\n# nothing\n", "peers.ini:2", "no section describes a peer");
	bad("[]\n" KEY, "peers.ini:1", "a section without a name");
	/* a byte order mark, as Notepad writes it, and nothing but one */
	good("\xef\xbb\xbf[a]\r\n" KEY);
	assert_int_equal(peers.n, 1);
	bad("\xef\xbb\xbf", "peers.ini:1", "the file is empty");
	bad("[defaults]\nmode = tunnel\n", "peers.ini:2", "no section describes a peer");
	bad("[group a]\nlocal-id = a.example\n", "peers.ini", "no section describes a peer: all are of groups");
	bad("[group ]\nlocal-id = a.example\n", "peers.ini:1", "section [group NAME] has no name");
	bad("mode = tunnel\n", "peers.ini:1", "before the first [section]");
	bad("[a]\n" KEY "colour = red\n", "peers.ini:3", "unknown key 'colour'");
	bad("[a]\n" KEY "  colour = red\n", "peers.ini:3", "unknown key 'colour'");
	bad("[a]\n" KEY "name = b\n", "peers.ini:3", "unknown key 'name'");
	bad("[a]\n" KEY "psk = hunter2\n", "peers.ini:3", "unknown key 'psk'");
	bad("[a]\n" KEY "mode = tunnel\nmode = tunnel\n", "peers.ini:4",
	    "mode: given twice, first in line 3");
	bad("[a]\n" KEY "[b]\naddress = 192.0.2.1\n" KEY "[a]\n" KEY, "peers.ini:6",
	    "section [a] is there twice, first in line 1");
	bad("[a]\n" KEY "[a]\n" KEY, "peers.ini:3", "section [a] is there twice, first in line 1");
	bad("[defaults]\nmode = tunnel\n[a]\n" KEY "[defaults]\nmode = tunnel\n", "peers.ini:5",
	    "section [defaults] is there twice, first in line 1");
	bad("[a]\n" KEY "[b]\n" KEY, "peers.ini:3", "[b] has the same address, remote-id");
	bad("[a]\n[b]\n" KEY, "peers.ini:1", "the section has no keys");
	bad("[a]\n" KEY "\n[b]\n", "peers.ini:4", "the section has no keys");
	bad("[a]\naddress = 192.0.2.1\n", "peers.ini:1", "section [a] has no psk-file");
	bad("[a]\n" KEY "[defaults]\nmode = tunnel\n", "peers.ini:3", "must be the first section");
	bad("[a]\n" KEY "garbage\n", "peers.ini:3", "neither [section] nor key = value");
	bad("[a]\n" KEY "mode =\n", "peers.ini:3", "mode: has no value");
	bad("[a]\n" KEY "mode = sideways\n", "peers.ini:3", "'sideways' is none of tunnel|transport");
	bad("[a]\n" KEY "address = gw\n", "peers.ini:3: address", "is no address");
	bad("[a]\n" KEY "ike = rot13-md5-modp1024\n", "peers.ini:3: ike", "rot13");
	bad("[a]\nesp = nonsense\n" KEY, "peers.ini:2: esp", "nonsense");
	bad("[a]\n" KEY "esp = aes128-sha1\nah = sha1-modp1024\n", "peers.ini:4: ah", "the group for PFS of a bundle belongs to --esp");
	bad("[a]\n" KEY "remote-ts = 10.0.0.1/24\n", "peers.ini:3: remote-ts", "10.0.0.1/24");
	bad("[a]\n" KEY "remote-ts = 10.0.0.0/24, 10.0.0.0/24\n", "peers.ini:3: remote-ts", "twice");
	bad("[a]\n" KEY "remote-ts = 10.0.0.0/24\nlocal-ts = 2001:db8::/32\n",
	    "peers.ini:3: remote-ts", "no counterpart of its family");
	bad("[a]\nremote-id = \xff\n" KEY, "peers.ini:2: remote-id", "");
	bad("[a]\npsk-file = absent\n", "peers.ini:2: absent", "cannot open");
	bad("[a]\n" KEY "aggressive-clear = yes\n", "peers.ini:3: aggressive-clear", "aggressive only");
	bad("[a]\n" KEY "ike-lifetime = 1\n", "peers.ini:3", "out of range");
	bad("[a]\n" KEY "psk-format = hex\n", "peers.ini:2: gw.psk", "not hex");
	/* main mode: the secret is chosen before the ID is known */
	bad("[a]\nremote-id = a.example\n" KEY "[b]\nremote-id = b.example\npsk-file = peers.ini\n",
	    "peers.ini:4", "main mode picks the secret by address");
	good("[a]\nremote-id = a.example\n" KEY "[b]\nremote-id = b.example\n" KEY);
	good("[a]\nexchange = aggressive\nremote-id = a.example\n" KEY
	    "[b]\nexchange = aggressive\nremote-id = b.example\npsk-file = peers.ini\n");
	good("[a]\naddress = 192.0.2.0/24\n" KEY "[b]\naddress = 192.0.2.1\npsk-file = peers.ini\n");
	peers_wipe(&peers);
	assert_int_equal(peers_file_read(&peers, "/nonexistent/peers", &given, &f), -1);
	assert_string_equal(f.where, "/nonexistent/peers");
	assert_int_equal(peers_file_read(&peers, dir, &given, &f), -1);
}

static void
long_lines_and_files(void **state)
{
	static char big[INI_FILE_MAX + 100];
	char line[400], text[1024];
	size_t n;

	(void)state;
	memset(line, ' ', sizeof(line));
	(void)snprintf(line + 300, sizeof(line) - 300, "x");
	(void)snprintf(text, sizeof(text), "[a]\n" KEY "remote-id = a%s\n", line);
	bad(text, "peers.ini:3", "the line is too long");
	n = (size_t)snprintf(big, sizeof(big), "[a]\n" KEY);
	while (n < sizeof(big) - 2) {
		big[n++] = '#';
		big[n++] = '\n';
	}
	big[n] = '\0';
	assert_int_equal(read_text(big), -1);
	assert_non_null(strstr(f.what, "the file is larger"));
	write_file(path, "[a]\0\n" KEY, 5 + strlen(KEY));
	assert_int_equal(peers_file_read(&peers, path, &given, &f), -1);
	assert_string_equal(f.what, "a NUL byte");
}

/* A slip of the keyboard is reported with what was probably meant; nonsense is not. */
static void
near_names(void **state)
{
	static const struct { const char *text, *where, *what; } rows[] = {
		{ "[a]\npsk-flie = gw.psk\n", "peers.ini:2", "unknown key 'psk-flie': did you mean 'psk-file'?" },
		{ "[a]\npsk_file = gw.psk\n", "peers.ini:2", "unknown key 'psk_file': did you mean 'psk-file'?" },
		{ "[a]\nPSK-File = gw.psk\n", "peers.ini:2", "unknown key 'PSK-File': did you mean 'psk-file'?" },
		{ "[a]\nadress = 192.0.2.1\n" KEY, "peers.ini:2", "unknown key 'adress': did you mean 'address'?" },
		{ "[a]\n" KEY "remote_id = gw\n", "peers.ini:3", "unknown key 'remote_id': did you mean 'remote-id'?" },
		{ "[a]\n" KEY "colour = red\n", "peers.ini:3", "unknown key 'colour'" },
		{ "[a]\n" KEY "nmae = b\n", "peers.ini:3", "unknown key 'nmae'" },	/* the section's name is it */
		{ "[berne\n" KEY, "peers.ini:1", "the section '[berne' is not closed: ] is missing" },
		{ "[a]\n" KEY "  [berne \t\r\n" KEY, "peers.ini:3", "the section '[berne' is not closed: ] is missing" },
		{ "[berne ; [bern]\n" KEY, "peers.ini:1", "the section '[berne' is not closed: ] is missing" },
		{ "[a] [berne]\n" KEY, "peers.ini:1", "text after the section [a]: '[berne]'" },
		{ "[a] ; of two\n" KEY "[berne]psk-file = x\n" KEY, "peers.ini:3", "text after the section [berne]: 'psk-file = x'" },
		{ "[", "peers.ini:1", "the section '[' is not closed: ] is missing" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bad(rows[i].text, rows[i].where, rows[i].what);
		assert_string_equal(f.what, rows[i].what);
		assert_int_equal(f.code, FAULT_CONFIG);
	}
	good("[berne] ; where it is\n" KEY);
}

/* Cut anywhere, the file is read or refused with a place; nothing is leaked or half taken. */
static void
every_truncation(void **state)
{
	static const char text[] = "[defaults]\nike = aes256-sha256-modp2048\n[a]\naddress = "
	    "192.0.2.0/24\n" KEY "remote-ts = 10.0.0.0/24,\n 10.1.0.0/24\n[b]\naddress = any\n" KEY;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(text) - 1; n++) {
		peers_wipe(&peers);
		f = (struct fault){0};
		write_file(path, text, n);
		if (peers_file_read(&peers, path, &given, &f) != 0) {
			assert_int_equal(peers.n, 0);
			assert_int_equal(strncmp(f.where, "peers.ini:", 10), 0);
		} else
			assert_in_range(peers.n, 1, 2);
	}
}

static void
selectors_with_ports(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "10.1.0.0/24", "10.1.0.0/24" },
		{ "10.1.0.5[tcp/80]", "10.1.0.5/32 proto 6 port 80" },
		{ "10.1.0.0/24[udp]", "10.1.0.0/24 proto 17" },
		{ "10.1.0.0/24[47]", "10.1.0.0/24 proto 47" },
		{ "10.1.0.0/24[any]", "10.1.0.0/24" },
		{ "2001:db8::/32[tcp/any]", "2001:db8::/32 proto 6" },
		{ "10.1.0.0/24[47/80]", NULL }, { "10.1.0.0/24[tcp/0]", NULL },
		{ "10.1.0.0/24[tcp/65536]", NULL }, { "10.1.0.0/24[256]", NULL },
		{ "10.1.0.0/24[tcp/80", NULL }, { "10.1.0.0/24[tcp]x", NULL },
		{ "10.1.0.1/24", NULL }, { "", NULL }, { "[tcp]", NULL },
	};
	struct selector s;
	char text[SELECTOR_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].out == NULL) {
			if (ts_parse(&s, rows[i].in, &f) == 0)
				fail_msg("'%s' was accepted", rows[i].in);
			assert_int_equal(f.code, FAULT_BAD_ADDRESS);
			continue;
		}
		assert_int_equal(ts_parse(&s, rows[i].in, &f), 0);
		assert_string_equal(selector_text(text, &s), rows[i].out);
	}
}

static void
policy_from_options(void **state)
{
	struct policy_opts o = POLICY_OPTS_DEFAULT;
	struct ike_policy p, def;
	char hint[OPT_HINT], *argv[] = { "t", "--remote-id", "any", "--ah", "sha256-modp2048",
	    "--natt-versions", "draft-02,rfc3947", "--timeout", "2.5", "--psk-file", NULL, NULL };

	(void)state;
	/* options and policy have the same defaults */
	ike_policy_default(&def);
	assert_int_equal(policy_opts_build(&p, &o, NULL, false, &f), 0);
	assert_int_equal(p.ike_seconds, def.ike_seconds);
	assert_int_equal(p.esp_seconds, def.esp_seconds);
	assert_int_equal(p.timeout_ms, def.timeout_ms);
	assert_int_equal(p.keepalive_ms, def.keepalive_ms);
	assert_int_equal(p.dpd_tries, def.dpd_tries);
	assert_int_equal(p.exchange, def.exchange);
	assert_int_equal(p.mode, def.mode);
	assert_int_equal(p.natt, def.natt);
	assert_int_equal(p.n_auths, def.n_auths);
	assert_int_equal(p.auths[0], def.auths[0]);
	assert_true(p.ike.n >= 4 && p.esp.n >= 4);
	ike_policy_wipe(&p);
	argv[10] = psk;
	assert_int_equal(opt_try(policy_optab, &o, 11, argv, hint, &f), OPT_RUN);
	assert_int_equal(policy_opts_build(&p, &o, NULL, true, &f), 0);
	assert_true(p.remote_id_any);
	assert_int_equal(p.proto, SA_AH);
	assert_int_equal(p.timeout_ms, 2500);
	assert_int_equal(p.natt_versions, 1U << VID_NATT_DRAFT_02 | 1U << VID_NATT_DRAFT_02_N |
	    1U << VID_NATT_RFC3947);
	assert_int_equal(p.psk.len, 6);
	ike_policy_wipe(&p);
	assert_int_equal(p.psk.len, 0);
}

static int
setup(void **state)
{
	(void)state;
	(void)secret_init();
	if (mkdtemp(dir) == NULL)
		return (-1);
	(void)snprintf(path, sizeof(path), "%s/peers.ini", dir);
	(void)snprintf(psk, sizeof(psk), "%s/gw.psk", dir);
	write_file(psk, "secret\n", 7);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	peers_wipe(&peers);
	(void)unlink(path);
	(void)unlink(psk);
	return (rmdir(dir));
}

static int
pick(const char *text, const char *name)
{
	peers_wipe(&peers);
	f = (struct fault){0};
	write_file(path, text, strlen(text));
	return (peers_file_pick(&peers, path, name, &given, &f));
}

#define TWO_ENDS							\
	"[defaults]\npsk-file = gw.psk\nlisten = :500\n"		\
	"[berne]\nrole = initiator\naddress = gw.example:4500\nlocal = 192.0.2.1\ntun = vpn1\ntimeout = 5\n" \
	"[basle]\nrole = responder\naddress = 198.51.100.0/24\ntun = vpn0\nmtu = 1400\nroute = no\n"

/* Each end reads its own sections. */
static void
picks_a_section(void **state)
{
	(void)state;
	good(TWO_ENDS);
	assert_int_equal(peers.n, 1);
	assert_string_equal(peers.p[0].name, "basle");
	assert_string_equal(peers.run.listen, ":500");
	assert_int_equal(pick(TWO_ENDS, "berne"), 0);
	assert_int_equal(peers.n, 1);
	assert_string_equal(peers.p[0].name, "berne");
	assert_int_equal(peers.p[0].timeout_ms, 5000);
	assert_string_equal(peers.address, "gw.example:4500");
	assert_string_equal(peers.run.local, "192.0.2.1");
	assert_int_equal(pick(TWO_ENDS, "basle"), -1);
	assert_non_null(strstr(f.what, "role = responder"));
	assert_int_equal(peers_file_scan(&peers, path, "basle", &given, &f), -1);
	assert_non_null(strstr(f.what, "role = responder"));
	assert_int_equal(pick(TWO_ENDS, "bern"), -1);
	assert_string_equal(f.what, "there is no section [bern]");
	/* the secret of another section is not read */
	assert_int_equal(pick("[a]\npsk-file = none\n[b]\naddress = 192.0.2.9\npsk-file = gw.psk\n", "b"), 0);
	peers_wipe(&peers);
	assert_int_equal(peers_file_scan(&peers, path, "b", &given, &f), 0);
	assert_int_equal(peers.n, 0);
	assert_string_equal(peers.address, "192.0.2.9");
	bad("[a]\nrole = initiator\naddress = 192.0.2.1\npsk-file = gw.psk\n", "peers.ini", "all have role = initiator");
}

static char checked[4096];

static void
on_line(void *ctx, const struct peers_line *l)
{
	size_t n = strlen(checked);

	(void)ctx;
	(void)snprintf(checked + n, sizeof(checked) - n, "%s %s %s%s;", l->name, l->initiator ? "I" : "R",
	    l->tun != NULL ? l->tun : "-", l->tun_words);
}

static void
on_wrong(void *ctx, const struct fault *why)
{
	size_t n = strlen(checked);

	(void)ctx;
	(void)snprintf(checked + n, sizeof(checked) - n, "%s: %s;", why->where, why->what);
}

static void
checks(const char *text, const char *want)
{
	const struct peers_check c = { .line = on_line, .wrong = on_wrong };

	checked[0] = '\0';
	write_file(path, text, strlen(text));
	assert_int_equal(peers_file_check(path, &c, &f), 0);
	assert_string_equal(checked, want);
}

static void
checks_a_tunnel(void **state)
{
	(void)state;
	checks(TWO_ENDS, "berne I vpn1 --tun vpn1;basle R vpn0 --tun vpn0 --mtu 1400 --no-route;");
	/* words of a shell; what a section sets again replaces that of [defaults] */
	checks("[defaults]\nmtu = 1300\nscript = true\npsk-file = gw.psk\n[a]\nrole = responder\ntun = v\nmtu = 1400\n"
	    "script = it's $HOME\ntun-address = 10.0.0.1/24\ntun-address = 10.0.0.2/24\nblock-on-exit = no\n",
	    "a R v --tun v --mtu 1400 --script 'it'\\''s $HOME' --address 10.0.0.1/24 --address 10.0.0.2/24;");
	checks("[a]\npsk-file = gw.psk\n", "peers.ini:1: section [a] has no role: initiator or responder;");
	checks("[a]\nrole = initiator\npsk-file = gw.psk\n", "peers.ini:1: section [a] has no address of the peer;");
	checks("[a b]\nrole = responder\npsk-file = gw.psk\n", "peers.ini:1: the name of section [a b] is also that of "
	    "files: letters, digits, '.', '_' and '-' only;");
	/* several in one section, and in several */
	checks("[a]\nrole = both\nmtu = 1\nike = x\nlocal-ts = 10.0.0.1/8\npsk-file = gw.psk\n"
	    "[b]\nrole = initiator\naddress = a b\npsk-file = gw.psk\nlocal = x\n",
	    "peers.ini:2: role: 'both' is none of initiator|responder;"
	    "peers.ini:3: mtu: 1 is out of range, 576 to 65535;"
	    "peers.ini:4: ike: x is no cipher of IKE; known: aes128, aes192, aes256, 3des, des;"
	    "peers.ini:5: local-ts: '10.0.0.1/8' is no network (or has bits set behind its prefix);"
	    "peers.ini:11: local: 'x' is not an address;");
	checks("[a]\nrole = initiator\naddress = 192.0.2.1\npsk-file = gw.psk\ntun = v\n"
	    "[b]\nrole = initiator\naddress = 192.0.2.2\npsk-file = gw.psk\ntun = v\n",
	    "a I v --tun v;peers.ini:10: tun: v is the device of [a];");
	checks("[a]\nrole = responder\naddress = 192.0.2.1\npsk-file = gw.psk\nlisten = :500\n"
	    "[b]\nrole = responder\naddress = 192.0.2.2\npsk-file = gw.psk\nlisten = :501\n",
	    "a R -;peers.ini:10: listen: is not that of [a], and both have one responder: put it into [defaults];");
	checks("a = b\nc = d\n[a]\n[a]\nrole = responder\npsk-file = gw.psk\n[defaults]\nike = x\n[c\n",
	    "peers.ini:1: keys before the first [section];peers.ini:3: the section has no keys;a R -;"
	    "peers.ini:7: [defaults] must be the first section;peers.ini:9: the section '[c' is not closed: ] is missing;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_a_section),
		cmocka_unit_test(checks_a_tunnel),
		cmocka_unit_test(two_peers),
		cmocka_unit_test(options_are_defaults),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(near_names),
		cmocka_unit_test(long_lines_and_files),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(selectors_with_ports),
		cmocka_unit_test(policy_from_options),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
