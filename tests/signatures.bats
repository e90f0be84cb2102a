#!/usr/bin/env bats
# Signatures of phase 1 in captures: ike-trace and skeyid-calc verify them as openssl does, with the certificate in the
# exchange alone and with an authority.
# shellcheck disable=SC2030,SC2031,SC2154 # run sets lines
bats_require_minimum_version 1.5.0
load lib/common
load lib/lab
load lib/pki
load lib/wire

setup_file() {
	mkdir "$BATS_FILE_TMPDIR/pki"
	cd "$BATS_FILE_TMPDIR/pki" || return
	local end
	issue root self basicConstraints=critical,CA:TRUE
	issue other self basicConstraints=critical,CA:TRUE
	openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -pkeyopt dsa_paramgen_q_bits:160 \
		-out dsa.pem 2>/dev/null
	for end in left right; do
		issue -k params:dsa.pem dss-$end root subjectAltName=DNS:$end.example
		issue -k RSA:rsa_keygen_bits:2048 rsa-$end root subjectAltName=DNS:$end.example
		issue ec256-$end root subjectAltName=DNS:$end.example
		issue -k EC:ec_paramgen_curve:P-384 ec384-$end root subjectAltName=DNS:$end.example
		issue -k EC:ec_paramgen_curve:P-521 ec521-$end root subjectAltName=DNS:$end.example
	done
}

setup() {
	need ike-trace skeyid-calc ike-initiate ike-respond
	T=$BATS_TEST_TMPDIR
	cd "$BATS_FILE_TMPDIR/pki" || return
}
teardown() { lab_teardown; }

# signed KIND METHOD [OPTION]...: a negotiation of our two ends in $T/x.pcapng, with the initiator's keys in $T/l.sa.
signed() {
	local kind=$1 auth=$2
	shift 2
	[ -n "${LAB_STATE-}" ] || lab_topology
	background respond ip netns exec "$NS_RIGHT" ike-respond --once --auth "$auth" --cert "$kind-right.crt" \
		--key "$kind-right.key" --ca root.crt --local-id right.example --remote-id left.example \
		--local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24 "$@" -o "$T/r.sa"
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	in_left ike-initiate --auth "$auth" --cert "$kind-left.crt" --key "$kind-left.key" --ca root.crt \
		--local-id left.example --remote-id right.example --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 --linger 0.1 \
		"$@" --pcap "$T/x.pcapng" -o "$T/l.sa" "$RIGHT_IP"
	in_left ike-initiate --delete "$T/l.sa" >/dev/null
	ended respond 10
}

# value NAME: of the walk, as bytes.
value() { jq -r --arg n "$1" '.messages[].values[] | select(.name == $n).value' "$T/walk" | xxd -r -p; }

# der: the ECDSA-Sig-Value of r | s in hex on standard input.
der() {
	/usr/bin/python3 -c '
import sys
raw = bytes.fromhex(sys.stdin.read())
def num(b):
    b = b.lstrip(b"\0") or b"\0"
    b = b"\0" + b if b[0] & 128 else b
    return b"\x02" + bytes([len(b)]) + b
body = num(raw[:len(raw) // 2]) + num(raw[len(raw) // 2:])
sys.stdout.buffer.write(b"\x30" + (b"\x81" if len(body) > 127 else b"") + bytes([len(body)]) + body)'
}

# openssl_agrees KIND I|R END: the signature is one of END's key over what walk computed.
openssl_agrees() {
	value "HASH_$2" >"$T/hash"
	value "SIG_$2" >"$T/sig"
	if [ "$1" = rsa ]; then
		openssl pkeyutl -verifyrecover -certin -inkey "$1-$3.crt" -in "$T/sig" | cmp - "$T/hash"
	else
		xxd -p -c 999 "$T/sig" | der >"$T/der"
		openssl pkeyutl -verify -certin -inkey "$1-$3.crt" -in "$T/hash" -sigfile "$T/der"
	fi
}

# verified KIND FIRST SECOND: both signatures, in messages of these numbers; $3 the initiator's.
verified() {
	run -0 --separate-stderr ike-trace --sa "$T/l.sa" "$T/x.pcapng"
	output_has "bytes, right"
	output_has "(signed by the key of the certificate in message $2, of \"O=Test, CN=$1-right\"; the certificate was not checked)"
	output_has "(signed by the key of the certificate in message $3, of \"O=Test, CN=$1-left\"; the certificate was not checked)"
	run -0 --separate-stderr ike-trace --json --ca root.crt --sa "$T/l.sa" "$T/x.pcapng"
	[ "$(jq -r '.signature // empty' <<<"$output")" = $'right\nright' ]
	[ "$(jq -r '.certificate // empty' <<<"$output")" = $'trusted\ntrusted' ]
	skeyid-calc walk --json --ca root.crt --sa "$T/l.sa" "$T/x.pcapng" >"$T/walk"
	jq -e '.differ == 0' "$T/walk"
	jq -e '[.messages[].values[] | select(.name == "SIG_I" or .name == "SIG_R").note |
		test("signed by the key of .*; the certificate is trusted$")] == [true, true]' "$T/walk"
	openssl_agrees "$1" R right
	openssl_agrees "$1" I left
}

@test "signatures: RSA, main and aggressive mode" {
	signed rsa rsa
	verified rsa 6 5
	signed rsa rsa --exchange aggressive
	verified rsa 2 3
}

@test "signatures: ECDSA of RFC 4754: the method names curve and hash, whatever is negotiated" {
	local kind
	for kind in ec256:sha256 ec384:sha384 ec521:sha512; do
		signed "${kind%:*}" ecdsa --ike aes128-sha1-modp2048
		verified "${kind%:*}" 6 5
		run -0 skeyid-calc --explain --sa "$T/l.sa" "$T/x.pcapng"
		[[ $output == *"prf is HMAC-SHA"*"${kind#*:sha}"* ]]
		[ "$(value HASH_I | wc -c)" = $((${kind#*:sha} / 8)) ]
	done
}

@test "signatures: DSS is over a hash of SHA-1, whatever is negotiated; main and aggressive mode" {
	signed dss dss --ike aes128-sha256-modp2048
	verified dss 6 5
	[ "$(value HASH_I | wc -c)" = 20 ]
	[ "$(value SIG_I | wc -c)" = 40 ]
	signed dss dss --exchange aggressive
	verified dss 2 3
}

# frame N: where message N of phase 1 is in $T/x.pcapng; a busy machine may have sent those before it twice.
frame() {
	ike-trace --json --sa "$T/l.sa" "$T/x.pcapng" |
		jq -r --argjson n "$1" 'select(.type == "message" and .message == $n and (has("again-of") | not)).frame' | head -n 1
}

# changed: $T/x.pcapng as $T/bad.pcapng, in which one byte of the responder's signature is another.
changed() {
	value SIG_R | xxd -p | tr -d '\n' >"$T/hex"
	/usr/bin/python3 - "$T" <<-'PY'
		import sys
		t = sys.argv[1]
		sig = bytes.fromhex(open(t + "/hex").read())
		all = open(t + "/x.pcapng", "rb").read()
		assert sig in all	# again where a busy machine made an end retransmit
		bad = sig[:-1] + bytes([sig[-1] ^ 1])
		open(t + "/bad.pcapng", "wb").write(all.replace(sig, bad))
	PY
}

@test "signatures: a wrong one is shown as wrong, in red, and ends the walk with 1" {
	local red=$'\033[31m'
	signed rsa rsa --exchange aggressive --fragmentation off
	skeyid-calc walk --json --sa "$T/l.sa" "$T/x.pcapng" >"$T/walk"
	changed
	run -0 --separate-stderr ike-trace --color always --ca root.crt --sa "$T/l.sa" "$T/bad.pcapng"
	output_has "${red}SIG     256 bytes, WRONG"
	output_has "(not signed by the key of the certificate in message 2, of \"O=Test, CN=rsa-right\")"
	run -0 ike-trace --json --sa "$T/l.sa" "$T/bad.pcapng"
	[ "$(jq -r '.signature // empty' <<<"$output")" = $'wrong\nright' ]
	run -1 --separate-stderr skeyid-calc walk --sa "$T/l.sa" "$T/bad.pcapng"
	output_has "WRONG: the signature of HASH_R by the sender's private key"
	stderr_has "SIG_R of frame $(frame 2)"
}

@test "signatures: a certificate of another authority is refused, a given one serves where none was sent" {
	signed ec256 ecdsa
	run -0 --separate-stderr ike-trace --json --ca other.crt --sa "$T/l.sa" "$T/x.pcapng"
	[ "$(jq -r '.signature // empty' <<<"$output")" = $'right\nright' ]
	[ "$(jq -r '.certificate // empty' <<<"$output")" = $'refused\nrefused' ]
	[[ $output == *'the certificate is NOT trusted: CERT payload: \"O=Test, CN=ec256-left\" was issued by \"O=Test, CN=root\"'* ]]
	run -1 --separate-stderr skeyid-calc walk --ca other.crt --sa "$T/l.sa" "$T/x.pcapng"
	stderr_has "SIG_I of frame $(frame 5), SIG_R of frame $(frame 6)"
	# neither sends one
	signed ec256 ecdsa --cert-policy never --peer-cert ec256-left.crt --peer-cert ec256-right.crt
	run -0 --separate-stderr ike-trace --sa "$T/l.sa" "$T/x.pcapng"
	output_has "not verified: the message has no certificate"
	run -0 --separate-stderr ike-trace --json --peer-cert ec256-left.crt --peer-cert ec256-right.crt --sa "$T/l.sa" "$T/x.pcapng"
	[ "$(jq -r '.certificate // empty' <<<"$output")" = $'trusted\ntrusted' ]
}

@test "skeyid-calc sig: what it signs openssl checks, and the other way round" {
	local hash other kind bytes sig
	cd "$BATS_FILE_TMPDIR/pki" || return
	for kind in rsa:20 rsa:32 dss:20 ec256:32 ec384:48 ec521:64; do
		bytes=${kind#*:} kind=${kind%:*}
		hash=$(head -c "$bytes" /dev/urandom | xxd -p -c 99)
		other=$(printf %02x $((0x${hash::2} ^ 1)))${hash:2}
		xxd -r -p <<<"$hash" >"$T/hash"
		run -0 --separate-stderr skeyid-calc sig --key "$kind-left.key" --cert "$kind-left.crt" --digest "$hash"
		[ "${lines[1]}" = "check = yes" ]
		sig=${lines[0]#SIG = }
		if [ "$kind" = rsa ]; then
			xxd -r -p <<<"$sig" | openssl pkeyutl -verifyrecover -certin -inkey rsa-left.crt | cmp - "$T/hash"
			sig=$(openssl pkeyutl -sign -inkey rsa-left.key -in "$T/hash" | xxd -p -c 9999)
		else
			der <<<"$sig" >"$T/der"
			openssl pkeyutl -verify -certin -inkey "$kind-left.crt" -in "$T/hash" -sigfile "$T/der"
		fi
		run -0 skeyid-calc sig --cert "$kind-left.crt" --digest "$hash" --sig "$sig"
		[ "$output" = "check = yes" ]
		# another key, another hash
		run -1 --separate-stderr skeyid-calc sig --cert "$kind-right.crt" --digest "$hash" --sig "$sig"
		[ "$output" = "check = no" ]
		stderr_has "it is no signature by the "
		run -1 --separate-stderr skeyid-calc sig --cert "$kind-left.crt" --digest "$other" --sig "$sig"
	done
}

@test "skeyid-calc sig: --explain shows the block of RSA, with the bare hash or a DigestInfo" {
	local hash=000102030405060708090a0b0c0d0e0f10111213 sig
	cd "$BATS_FILE_TMPDIR/pki" || return
	run -0 skeyid-calc sig --key rsa-left.key --cert rsa-left.crt --digest $hash --json --explain
	jq -e --arg h "$hash" '(.steps[] | select(.formula == "SIG ^ e mod n")) |
		(.value | test("^0001(ff){233}00" + $h + "$")) and .["as the hash gives it"].verdict == "same"' <<<"$output"
	sig=$(xxd -r -p <<<$hash | openssl pkeyutl -sign -inkey rsa-left.key -pkeyopt digest:sha1 | xxd -p -c 9999)
	run -0 skeyid-calc sig --cert rsa-left.crt --digest $hash --sig "$sig" --explain
	output_has "a DigestInfo is around the hash"
	output_has "check = yes"
	run -2 --separate-stderr skeyid-calc sig --digest $hash
	stderr_has "--key makes a signature, --sig is one"
	run -2 --separate-stderr skeyid-calc sig --key rsa-left.key
	stderr_has "missing --digest"
}
