# shellcheck shell=bash
# Our two negotiators on loopback, without rights: each test has addresses of its own within
# 127.0.0.0/8, so that files run in parallel and nobody meets ports 500 and 4500 of another.
#
#   setup() { ike_setup; }
#   teardown() { stop_background; }

# shellcheck disable=SC2034 # for the tests
CHECK=$SAPIPE_TOP/tests/lib/cddl_check.py
FAKE=$SAPIPE_TOP/tests/lib/ike_fake.py

# ike_setup: I and R are the ends; PSK names a secret file; the working directory is the test's own.
ike_setup() {
	local net
	net=127.$((BASHPID / 250 % 200 + 20)).$((BASHPID % 250 + 2))
	I=$net.1:5500 R=$net.2:5500
	export I R
	cd "$BATS_TEST_TMPDIR" || return
	umask 077
	printf 'sesame-and-lilies\n' >gw.psk
	printf 'another secret\n' >other.psk
	# shellcheck disable=SC2034
	NETS=(--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24)
	STEN=(--local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24)
	# quick to compute
	FAST=(--ike aes128-sha1-modp1024 --esp aes128-sha1)
}

bound() { ss -Huln "src $1" | grep -q .; }

# responder [OPTION]...: ike-respond as R in the background (BG[r], r.out, r.err), ready;
# responder_with: with algorithms of its own.
responder() { responder_with "${FAST[@]}" "$@"; }
responder_with() {
	background r ike-respond -v --listen "$R" "$@"
	eventually 10 bound "$R" || { cat r.err; return 1; }
}

# The usual one.
usual_responder() { responder --psk-file gw.psk "${STEN[@]}" "$@"; }

# fake MODE: a peer at R that is none, see ike_fake.py.
fake() {
	background fake /usr/bin/python3 "$FAKE" "${R%:*}" "${R#*:}" "$@"
	eventually 10 bound "$R"
}

# initiate [OPTION]...: the usual initiator, any peer; initiate_with: with algorithms and ID of its own.
initiate() { initiate_with "${FAST[@]}" --remote-id any "$@"; }
initiate_with() { timeout 60 ike-initiate --local "$I" --psk-file gw.psk --linger 0.1 "$@"; }

# r_says TEXT: the responder logs it. It may do so a moment after its answer has ended the initiator.
r_says() { eventually 10 grep -qF -- "$1" r.err || { printf 'not said by the responder: %s\n' "$1"; cat r.err; return 1; }; }

# wrote FILE COUNTS: the records in the file come to be these, as "2 child-sa, 1 ike-sa". A responder that runs on writes its
# last ones when message 3 of quick mode arrives, which the initiator does not wait for.
wrote() {
	eventually 10 wrote_now "$@" || { "$CHECK" "$1"; cat ./*.err; return 1; }
}
wrote_now() { [ "$("$CHECK" "$1" 2>/dev/null)" = "$2" ]; }
