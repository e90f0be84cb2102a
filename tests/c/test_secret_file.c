#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>
#include <cmocka.h>

#include "cli/peer_addr.h"
#include "cli/report.h"
#include "cli/secret_file.h"

static char dir[] = "/tmp/test_secret.XXXXXX";
static char path[128], log_path[128];
static struct secret s;
static struct fault f;

static void
put(struct span v, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, v.p, v.len), v.len);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

/* What goes to standard error while ${from} is read, in ${out}. */
static int
read_logged(const char *from, enum secret_format fmt, const char *beside, char out[1024])
{
	int saved = dup(2), fd = open(log_path, O_RDWR | O_CREAT | O_TRUNC, 0600), rc;
	ssize_t n;

	f = (struct fault){0};
	(void)dup2(fd, 2);
	rc = secret_file_read(&s, from, fmt, "pre-shared key", beside, &f);
	(void)dup2(saved, 2);
	(void)close(saved);
	n = pread(fd, out, 1023, 0);
	out[n > 0 ? n : 0] = '\0';
	(void)close(fd);
	return (rc);
}

static void
bytes_are_read_as_they_are(void **state)
{
	static uint8_t large[70000];
	struct bytes b;

	(void)state;
	/* A newline at the end may be a byte of DER. */
	put(span_of("\x30\0\xff\r\n", 5), 0600);
	f = (struct fault){0};
	assert_int_equal(secret_file_bytes(&s, path, NULL, &f), 0);
	assert_int_equal(s.len, 5);
	assert_memory_equal(s.p, "\x30\0\xff\r\n", 5);
	assert_int_equal(file_bytes_read(&b, path, 5, NULL, &f), 0);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.p, "\x30\0\xff\r\n", 5);
	file_bytes_free(&b);
	assert_int_equal(file_bytes_read(&b, path, 4, NULL, &f), -1);
	assert_string_equal(f.what, "longer than 4 bytes");
	memset(large, 'x', sizeof(large));
	put(SPAN_ARRAY(large), 0600);
	f = (struct fault){0};
	assert_int_equal(secret_file_bytes(&s, path, NULL, &f), -1);
	assert_int_equal(f.code, FAULT_SECRET_FILE);
	assert_int_equal(s.len, 0);
	f = (struct fault){0};
	assert_int_equal(file_bytes_read(&b, path, sizeof(large), NULL, &f), 0);
	assert_int_equal(b.len, sizeof(large));
	assert_memory_equal(b.p, large, sizeof(large));
	file_bytes_free(&b);
	put(SPAN_NONE, 0600);
	f = (struct fault){0};
	assert_int_equal(file_bytes_read(&b, path, 10, NULL, &f), -1);
	assert_string_equal(f.what, "is empty");
	f = (struct fault){0};
	assert_int_equal(secret_file_bytes(&s, path, NULL, &f), -1);
	assert_string_equal(f.what, "is empty");
	f = (struct fault){0};
	assert_int_equal(file_bytes_read(&b, "/nonexistent/gw.crt", 10, NULL, &f), -1);
	assert_int_equal(f.code, FAULT_SECRET_FILE);
	assert_string_equal(f.where, "/nonexistent/gw.crt");
}

static void
newline_is_not_key(void **state)
{
	static const struct { const char *in, *key; } rows[] = {
		{ "secret", "secret" }, { "secret\n", "secret" }, { "secret\r\n", "secret" },
		{ "secret\n\n", "secret\n" }, { "secret\r", "secret\r" }, { "\r\n\r\n", "\r\n" },
		{ "a", "a" }, { "a\n", "a" }, { " a", " a" },
	};
	char out[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(span_str(rows[i].in), 0600);
		assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
		assert_int_equal(s.len, strlen(rows[i].key));
		assert_memory_equal(s.p, rows[i].key, s.len);
	}
}

static void
formats(void **state)
{
	static const struct { enum secret_format fmt; const char *in, *key; int len; } rows[] = {
		{ SECRET_AUTO, "0x0102ff", "\1\2\xff", 3 },
		{ SECRET_AUTO, "0X0102FF", "\1\2\xff", 3 },
		{ SECRET_AUTO, "0sAQL/", "\1\2\xff", 3 },
		{ SECRET_AUTO, "0102ff", "0102ff", 6 },
		{ SECRET_RAW, "0x0102ff", "0x0102ff", 8 },
		{ SECRET_HEX, "0102ff", "\1\2\xff", 3 },
		{ SECRET_HEX, "01 02:ff", "\1\2\xff", 3 },
		{ SECRET_HEX, "0102f", NULL, 0 },
		{ SECRET_HEX, "0102fg", NULL, 0 },
		{ SECRET_HEX, "0x", NULL, 0 },
		{ SECRET_HEX, "secret", NULL, 0 },
		{ SECRET_AUTO, "0xsecret", NULL, 0 },
		{ SECRET_AUTO, "", NULL, 0 },
		{ SECRET_BASE64, "Zg==", "f", 1 },	/* RFC 4648 section 10 */
		{ SECRET_BASE64, "Zm8=", "fo", 2 },
		{ SECRET_BASE64, "Zm9v", "foo", 3 },
		{ SECRET_BASE64, "Zm9vYg==", "foob", 4 },
		{ SECRET_BASE64, "Zm9vYmE=", "fooba", 5 },
		{ SECRET_BASE64, "Zm9vYmFy", "foobar", 6 },
		{ SECRET_BASE64, "Zm9v\nYmFy", "foobar", 6 },
		{ SECRET_BASE64, "Zg", "f", 1 },
		{ SECRET_BASE64, "0sZm8", "fo", 2 },
		{ SECRET_BASE64, "Zh==", NULL, 0 },	/* bits left over */
		{ SECRET_BASE64, "Zm9=", NULL, 0 },
		{ SECRET_BASE64, "Z", NULL, 0 },
		{ SECRET_BASE64, "Zg=", NULL, 0 },
		{ SECRET_BASE64, "Zg===", NULL, 0 },
		{ SECRET_BASE64, "Zg==Zg==", NULL, 0 },
		{ SECRET_BASE64, "Zm9v!mFy", NULL, 0 },
		{ SECRET_BASE64, "Zm9-", NULL, 0 },
		{ SECRET_BASE64, "====", NULL, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].key == NULL) {
			assert_int_equal(secret_decode(&s, span_str(rows[i].in), rows[i].fmt, "key", &f), -1);
			assert_int_equal(f.code, FAULT_SECRET_FILE);
			assert_int_equal(s.len, 0);
			continue;
		}
		if (secret_decode(&s, span_str(rows[i].in), rows[i].fmt, "key", &f) != 0)
			fail_msg("%s: %s", rows[i].in, f.what);
		assert_int_equal(s.len, rows[i].len);
		assert_memory_equal(s.p, rows[i].key, s.len);
	}
}

static void
every_base64_digit(void **state)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[5] = "AAAA";
	const char *at;
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		text[3] = (char)c;
		at = strchr(abc, c);
		if (c == '=' || c == ' ' || c == '\n' || c == '\r' || c == '\t')
			continue;
		assert_int_equal(secret_decode(&s, span_str(text), SECRET_BASE64, "key", NULL),
		    at != NULL ? 0 : -1);
		if (at != NULL)
			assert_int_equal(s.p[2], at - abc);
	}
}

static void
bad_files(void **state)
{
	static uint8_t big[SECRET_FILE_MAX + 1];
	char out[1024], sub[160];

	(void)state;
	memset(big, 'x', sizeof(big));
	put(span_of(big, SECRET_FILE_MAX), 0600);
	assert_int_equal(read_logged(path, SECRET_RAW, NULL, out), 0);
	assert_int_equal(s.len, SECRET_FILE_MAX);
	put(SPAN_ARRAY(big), 0600);
	assert_int_equal(read_logged(path, SECRET_RAW, NULL, out), -1);
	assert_int_equal(f.code, FAULT_SECRET_FILE);
	assert_int_equal(s.len, 0);
	assert_int_equal(read_logged(dir, SECRET_RAW, NULL, out), -1);
	assert_string_equal(f.what, "is a directory");
	assert_string_equal(f.where, dir);
	assert_int_equal(read_logged("/dev/zero", SECRET_RAW, NULL, out), -1);
	(void)snprintf(sub, sizeof(sub), "%s/absent", dir);
	assert_int_equal(read_logged(sub, SECRET_RAW, NULL, out), -1);
	assert_int_equal(f.sys, ENOENT);
	assert_int_equal(read_logged("env:NO_SUCH_VARIABLE", SECRET_RAW, NULL, out), -1);
	assert_int_equal(read_logged("fd:x", SECRET_RAW, NULL, out), -1);
	assert_int_equal(read_logged("fd:977", SECRET_RAW, NULL, out), -1);
	put(span_str("\n"), 0600);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), -1);
	assert_string_equal(f.what, "the pre-shared key is empty");
}

static void
warnings(void **state)
{
	static const struct { const char *text, *said; } odd[] = {
		{ "\"hunter2\"", "quotes at both ends" }, { "'hunter2'", "quotes at both ends" },
		{ "\xe2\x80\x98hunter2\xe2\x80\x99", "quotes at both ends" },
		{ "\xe2\x80\x9chunter2\xe2\x80\x9d", "quotes at both ends" },
		{ "203.0.113.2 hunter2", "the address in front" }, { "2001:db8::1\thunter2", "the address in front" },
		{ "\"hunter2", NULL }, { "hunter2 \"x\"", NULL }, { "\"", NULL }, { "hunter 2", NULL },
	};
	char out[1024];
	size_t i;

	(void)state;
	put(span_str("hunter2\n"), 0600);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
	assert_string_equal(out, "");
	put(span_str("hunter2\n"), 0644);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
	assert_non_null(strstr(out, "mode 0644"));
	assert_null(strstr(out, "hunter2"));
	put(span_str("hunter2\nhunter3\n"), 0600);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
	assert_non_null(strstr(out, "several lines"));
	assert_null(strstr(out, "hunter2"));
	put(span_str("hunter2 \n"), 0600);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
	assert_non_null(strstr(out, "blanks"));
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		put(span_str(odd[i].text), 0600);
		assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
		assert_int_equal(s.len, strlen(odd[i].text));
		if (odd[i].said == NULL ? out[0] != '\0' : strstr(out, odd[i].said) == NULL)
			fail_msg("%s: %s", odd[i].text, out);
		assert_null(strstr(out, "hunter2"));
	}
	/* a line end of Windows: said, and whether it counts */
	put(span_str("hunter2\r\n"), 0600);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
	assert_int_equal(s.len, 7);
	assert_non_null(strstr(out, "ends in CR LF (saved on Windows?): neither is taken as part of the pre-shared key"));
	put(span_str("hunter2\r"), 0600);
	assert_int_equal(read_logged(path, SECRET_RAW, NULL, out), 0);
	assert_int_equal(s.len, 8);
	assert_non_null(strstr(out, "ends in CR, which is taken as part of the pre-shared key"));
	put(span_str("68756e74\r\n"), 0600);		/* no part of any hex */
	assert_int_equal(read_logged(path, SECRET_HEX, NULL, out), 0);
	assert_int_equal(s.len, 4);
	assert_string_equal(out, "");
	put(span_str("0sQUJD\r\n"), 0600);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
	assert_string_equal(out, "");
	/* strongSwan's prefixes: base64, in upper and lower case */
	put(span_str("0SQUJD"), 0600);
	assert_int_equal(read_logged(path, SECRET_AUTO, NULL, out), 0);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.p, "ABC", 3);
	put(span_str("hunter2"), 0600);
	assert_int_equal(read_logged(path, SECRET_HEX, NULL, out), -1);
	assert_null(strstr(f.what, "hunter2"));
}

static void
other_sources(void **state)
{
	char out[1024], name[32], fifo[160], beside[160];
	const char *env;
	int p[2];

	(void)state;
	assert_int_equal(setenv("TEST_PSK", "0x6162", 1), 0);
	env = getenv("TEST_PSK");
	assert_int_equal(read_logged("env:TEST_PSK", SECRET_AUTO, NULL, out), 0);
	assert_int_equal(s.len, 2);
	assert_null(getenv("TEST_PSK"));
	assert_string_equal(env, "");	/* wiped in place */
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "pi", 2), 2);
	assert_int_equal(write(p[1], "pe\n", 3), 3);
	(void)close(p[1]);
	(void)snprintf(name, sizeof(name), "fd:%d", p[0]);
	assert_int_equal(read_logged(name, SECRET_AUTO, NULL, out), 0);
	assert_int_equal(s.len, 4);
	assert_string_equal(out, "");
	(void)close(p[0]);
	/* a path relative to the file that names it, by way of a link */
	put(span_str("far"), 0600);
	(void)snprintf(fifo, sizeof(fifo), "%s/link", dir);
	assert_int_equal(symlink("key", fifo), 0);
	(void)snprintf(beside, sizeof(beside), "%s/peers.ini", dir);
	assert_int_equal(read_logged("link", SECRET_AUTO, beside, out), 0);
	assert_int_equal(s.len, 3);
	assert_int_equal(read_logged(path, SECRET_AUTO, "/nowhere/peers.ini", out), 0);
	(void)unlink(fifo);
}

static void
peers_and_ports(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "192.0.2.1", "192.0.2.1:500" }, { "192.0.2.1:4500", "192.0.2.1:4500" },
		{ "2001:db8::1", "[2001:db8::1]:500" }, { "[2001:db8::1]", "[2001:db8::1]:500" },
		{ "[2001:db8::1]:4500", "[2001:db8::1]:4500" }, { "::1", "[::1]:500" },
		{ "localhost:7", NULL },
		{ "192.0.2.1:", "" }, { "192.0.2.1:0", "" }, { "192.0.2.1:65536", "" },
		{ "192.0.2.1:5x", "" }, { "[2001:db8::1", "" }, { "[2001:db8::1]x", "" }, { "", "" },
		{ "[]:500", "" }, { ":500", "" }, { "192.0.2.1:-1", "" },
	};
	struct endpoint e;
	char text[ENDPOINT_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].out != NULL && rows[i].out[0] == '\0') {
			if (peer_resolve(&e, rows[i].in, 0, 500, &f) == 0)
				fail_msg("'%s' was accepted", rows[i].in);
			assert_int_equal(f.code, FAULT_BAD_ADDRESS);
			continue;
		}
		assert_int_equal(peer_resolve(&e, rows[i].in, 0, 500, &f), 0);
		if (rows[i].out != NULL)
			assert_string_equal(endpoint_text(text, &e), rows[i].out);
		else
			assert_int_equal(e.port, 7);
	}
	assert_int_equal(peer_resolve(&e, "192.0.2.1", 6, 500, &f), -1);
	assert_int_equal(peer_resolve(&e, "localhost", 4, 500, &f), 0);
	assert_int_equal(e.addr.family, 4);
	assert_int_equal(local_parse(&e, ":4500", 500, &f), 0);
	assert_int_equal(e.addr.family, 0);
	assert_int_equal(e.port, 4500);
	assert_int_equal(local_parse(&e, "localhost", 500, &f), -1);
}

static void
escaping(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "plain \\ text", "plain \\ text" },
		{ "\x1b[31m", "\\x1b[31m" }, { "a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f" },
		{ "Z\xc3\xbcrich", "Z\xc3\xbcrich" },
		{ "\xc3", "\\xc3" }, { "\xc0\xaf", "\\xc0\\xaf" },		/* cut, overlong */
		{ "\xc2\x9b", "\\xc2\\x9b" },				/* C1: CSI */
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },			/* right-to-left override */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },			/* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },		/* beyond Unicode */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	};
	char out[64], one[2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(escape_put(out, sizeof(out), span_str(rows[i].in)), rows[i].out);
	assert_string_equal(escape_put(out, 5, span_str("ab\x1b")), "ab");
	assert_string_equal(escape_put(out, 3, span_str("Z\xc3\xbc")), "Z");
	assert_string_equal(escape_put(one, 1, span_str("x")), "");
}

static int
setup(void **state)
{
	(void)state;
	(void)secret_init();
	if (mkdtemp(dir) == NULL)
		return (-1);
	(void)snprintf(path, sizeof(path), "%s/key", dir);
	(void)snprintf(log_path, sizeof(log_path), "%s/log", dir);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	secret_free(&s);
	(void)unlink(path);
	(void)unlink(log_path);
	return (rmdir(dir));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newline_is_not_key),
		cmocka_unit_test(bytes_are_read_as_they_are),
		cmocka_unit_test(formats),
		cmocka_unit_test(every_base64_digit),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(warnings),
		cmocka_unit_test(other_sources),
		cmocka_unit_test(peers_and_ports),
		cmocka_unit_test(escaping),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
