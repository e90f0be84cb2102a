# --pcap and --explain of the negotiators: what they send and receive, as a capture and told as it happens.

# shellcheck disable=SC2030,SC2031,SC2034 # run sets lines; lib/wire uses the options
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/wire

setup_file() {
	lab_setup_file
}

setup() {
	need ike-initiate ike-respond ike-trace sa-show
	T=$BATS_TEST_TMPDIR
}

teardown() {
	lab_teardown
}

# comments FILE: the comment of each packet, one a line.
comments() { tshark -r "$1" -T fields -e frame.comment 2>/dev/null; }

# checksums FILE: every IP and UDP checksum is right.
checksums() {
	! tshark -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -r "$1" -T fields \
		-e ip.checksum.status -e udp.checksum.status 2>/dev/null | grep -vE '^1?[[:space:]]1$'
}

# recorded_pair OPTION...: our two ends, each with --pcap; tshark decrypts both with the other's keys, and they
# agree with a capture of the wire.
recorded_pair() {
	lab_topology
	record wire
	LEFT_OPTS=(--pcap "$T/l.pcapng") RIGHT_OPTS=(--pcap "$T/r.pcapng")
	ours "$@"
	recorded wire "$(comments "$T/r.pcapng" | wc -l)"
	like_tshark "$T/l.pcapng" "$T/r.sa"
	like_tshark "$T/r.pcapng" "$T/l.sa"
	checksums "$T/r.pcapng"
	[ "$(stat -c %a "$T/l.pcapng")" = 600 ]
	# what the responder recorded is what was on the wire, in order
	diff <(tshark -r "$T/r.pcapng" -T fields -e ip.src -e udp.dstport -e udp.payload 2>/dev/null) \
		<(tshark -r "$T/wire.pcap" -T fields -e ip.src -e udp.dstport -e udp.payload 2>/dev/null)
	run -0 ike-trace --json --sa "$T/l.sa" "$T/r.pcapng"
	jq -es 'last | .unopened == 0 and .malformed == 0' <<<"$output"
	jq -es 'all(.hash != "wrong" and .hash != "unknown")' <<<"$output"
}

@test "--pcap: main mode: the comments name each message, tshark decrypts it" {
	recorded_pair
	# A busy machine may send some again.
	[ "$(comments "$T/l.pcapng" | sed 's/ \[.*\]//; s/: .*//' | grep -v ' again$')" = "\
sent main mode 1
received main mode 2
sent main mode 3
received main mode 4
sent main mode 5*
received main mode 6*
sent quick mode 1*
received quick mode 2*
sent quick mode 3*" ]
	comments "$T/l.pcapng" | grep -q 'received main mode 6\*: ID, HASH'
	comments "$T/r.pcapng" | grep -q 'received quick mode 1\* .*: HASH, SA, NONCE, ID x2'
}

@test "--pcap: aggressive mode with NAT-T: markers and ports as on the wire" {
	recorded_pair --exchange aggressive --natt force
	tshark -r "$T/l.pcapng" -T fields -e udp.port 2>/dev/null | grep -q '4500,4500'
}

@test "--pcap: each cipher of phase 1, and PFS" {
	recorded_pair --ike 3des-md5-modp1024 --esp aes128-sha1-modp1024
	lab_teardown
	rm -f "$T"/*.sa "$T"/*.pcap*
	recorded_pair --ike aes192-sha512-ecp256 --esp aes256gcm16
}

@test "--pcap: an unwritable file is reported at the start" {
	local psk=$T/psk
	(umask 077 && echo secret >"$psk")
	run -3 --separate-stderr ike-initiate --psk-file "$psk" --pcap /no/such/dir/x 192.0.2.1
	stderr_has "cannot create /no/such/dir/x"
	run -3 --separate-stderr ike-initiate --psk-file "$psk" --pcap "$T" 192.0.2.1
	stderr_has "cannot create $T"
	run -2 --separate-stderr ike-initiate --psk-file "$psk" --pcap - 192.0.2.1
	stderr_has "standard output is for SA state"
}

@test "--pcap: natd-probe records what it sent and received, for ike-trace and tshark" {
	local sent received
	need natd-probe ike-trace
	lab_topology
	lab_start respond right "ike-respond $(lab_policy ikev1-psk) -o $T/r.sa"
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	run -0 --separate-stderr ip netns exec "$NS_LEFT" natd-probe --pcap "$T/p.pcapng" "$RIGHT_IP"
	[ "$(stat -c %a "$T/p.pcapng")" = 600 ]
	comments "$T/p.pcapng" >"$T/comments"
	sent=$(grep -c '^sent main mode 1' "$T/comments") received=$(grep -c '^received main mode 2' "$T/comments")
	[ "$sent" -ge 1 ] && [ "$received" -ge 1 ]
	grep -q '^received main mode 4' "$T/comments"
	# no message of tshark's about what it cannot read
	[ "$(tshark -r "$T/p.pcapng" -Y 'isakmp && _ws.malformed' 2>/dev/null | wc -l)" = 0 ]
	[ "$(tshark -r "$T/p.pcapng" -Y isakmp 2>/dev/null | wc -l)" = "$(wc -l <"$T/comments")" ]
	run -0 ike-trace "$T/p.pcapng"
	output_has "main mode"
	run -2 --separate-stderr natd-probe --pcap - 192.0.2.1
	stderr_has "standard output is for the report"
	run -3 --separate-stderr natd-probe --pcap /no/such/dir/x 192.0.2.1
	stderr_has "cannot create /no/such/dir/x"
}

@test "--pcap: a disk that fills up ends the record, not the tunnel" {
	lab_topology
	LEFT_OPTS=(--pcap "$T/x.pcapng")
	ulimit -S -f 2		# KiB: less than the record wants, more than the state does
	ours
	ulimit -S -f unlimited
	grep -q 'the capture ends here' "$T/l.err"
	[ -s "$T/x.pcapng" ]
	[ -s "$T/l.sa" ]
}

@test "--explain: both ends explain each message, with proposals, IDs and hashes, and no key" {
	lab_topology
	LEFT_OPTS=(--explain) RIGHT_OPTS=(--explain)
	ours
	local line
	for line in '-> 203.0.113.2:500 main mode 1: SA, VID x7' 'SA      aes256-sha256-modp2048, PSK' \
		'(the responder chooses one proposal)' '-> 203.0.113.2:500 main mode 5*: ID, HASH' \
		'ID      ID_FQDN left.example' '<- 203.0.113.2:500 main mode 6*: ID, HASH' \
		"initiator's side: 10.1.0.0/24"; do
		grep -qF -- "$line" "$T/l.err" || { echo "not told: $line"; cat "$T/l.err"; return 1; }
	done
	[ "$(grep -c 'HASH .*, right' "$T/l.err")" = 5 ]
	[ "$(grep -c 'HASH .*, right' "$T/respond.err")" = 7 ]
	grep -qF 'D       ISAKMP' "$T/respond.err"
	local key
	for key in $(sa-show --json --reveal-keys "$T/l.sa" | jq -r '.keys | .[]?'); do
		run ! grep -F "${key:0:12}" "$T/l.err" "$T/respond.err"
	done
}

@test "--explain: another pre-shared key: message 5 is explained anyway" {
	lab_topology
	(umask 077 && echo one >"$T/psk1" && echo two >"$T/psk2")
	background respond ip netns exec "$NS_RIGHT" ike-respond --explain --psk-file "$T/psk2"
	eventually 15 lab_listens_right 500
	run -1 --separate-stderr in_left ike-initiate --explain --timeout 3 --psk-file "$T/psk1" "$RIGHT_IP"
	stderr_has "main mode 5*"
	stderr_has "pre-shared key"
	eventually 5 grep -q 'main mode 5\*' "$T/respond.err"
}

lab_listens_right() { in_right ss -Hlun "sport = :$1" | grep -q .; }
