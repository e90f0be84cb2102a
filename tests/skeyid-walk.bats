# skeyid-calc walk: every value of real negotiations with the lab's gateway, compared with a
# second computation, tshark, and the gateway's log (lib/ike_values.py); and what it says when something is not known.
# shards: 2

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # run sets lines; lib/wire uses the options
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/wire

setup_file() {
	lab_setup_file
}

setup() {
	need skeyid-calc ike-initiate
	T=$BATS_TEST_TMPDIR
}

teardown() {
	[ -z "${BOTH:-}" ] || LAB_SIDE=left "$LAB/strongswan.sh" stop
	lab_teardown
}

# privates BYTES: options --private for walk: of each public value of the initiator the private one, found
# among what its seed gives.
privates() {
	local -a all some
	local i
	mapfile -t all < <(seeded walk "$1")
	for ((i = 0; i < 64; i += 32)); do
		some=("${all[@]:i:32}")
		skeyid-calc walk --json "$T/gw.pcap" --sa "$T/gw.sa" "${some[@]/#/--private=}" |
			jq -r '.messages[].values[] | select(.name == "x") | "--private=" + .value'
	done
}

# explained HASH CIPHER KEYS BYTES LENGTH: all of it is right. BYTES are those of a private value, LENGTH
# those of the hash.
explained() {
	local x
	x=$(privates "$4")
	[ -n "$x" ]
	# shellcheck disable=SC2086 # options
	skeyid-calc walk --json "$T/gw.pcap" --sa "$T/gw.sa" --psk-file "$PSK" $x >"$T/walk"
	jq -e '.differ == 0 and .unknown == 0 and .same > 20' "$T/walk"
	"$SAPIPE_TOP/tests/lib/ike_values.py" "$T/gw.pcap" "$T/walk" "$T/log" lab-psk "$1" "$2" "$3" "$T/gw.sa"
	# in words: to its end, and as wide as it says
	# shellcheck disable=SC2086 # options
	run -0 --separate-stderr skeyid-calc --explain "$T/gw.pcap" --sa "$T/gw.sa" --psk-file "$PSK" $x
	[ -z "$stderr" ]
	output_has "SKEYID_d [$5] = prf(SKEYID, g^xy | CKY-I | CKY-R | 0) (RFC 2409, 5)"
	[ -z "$(awk 'length > 80' <<<"$output")" ]
}

@test "walk: main mode: every value is that of an own computation, tshark's and the gateway's" {
	gateway_session ikev1-psk
	explained sha1 aes-128-cbc 16+20 40 20
}

@test "walk: aggressive mode" {
	gateway_session ikev1-psk-aggressive
	explained sha1 aes-128-cbc 16+20 40 20
}

@test "walk: PFS: the second key exchange in KEYMAT" {
	gateway_session ikev1-pfs
	explained sha1 aes-128-cbc 16+20 40 20
}

@test "walk: 3DES and MD5: Ka stretched, blocks of eight" {
	gateway_session ikev1-3des-md5
	explained md5 des-ede3-cbc 24+16 32 16
}

@test "walk: AES-GCM and P-256: keys with salt" {
	gateway_session ikev1-gcm-ecp256
	explained sha256 aes-128-cbc 20+0 32 32
}

@test "walk: a NAT: the address before it is in the state" {
	gateway_session --nat ikev1-psk
	explained sha1 aes-128-cbc 16+20 40 20
	jq -e '[.messages[].values[] | select(.name == "NAT-D" and .note != null)] |
		any(.["on the wire"].verdict == "same" and (.note | test("a NAT on the way")))' "$T/walk"
}

# between_others CONFIG [FRAMES]: two of the gateway's kind with each other: $T/gw.pcap, log, and $GXY out of it.
between_others() {
	LAB_LOGLEVEL=4 lab_up "$1"
	record gw
	BOTH=yes
	LAB_SIDE=left "$LAB/strongswan.sh" start "$1" 3>&- 4>&-
	LAB_SIDE=left "$LAB/strongswan.sh" ctl --initiate --child net
	LAB_SIDE=left "$LAB/strongswan.sh" stop
	eventually 5 lab_no_sa
	recorded gw "${2:-11}"
	lab_log >"$T/log"
	GXY=$(awk '/shared Diffie Hellman secret =>/ { on = 1; next }
		on && /\] +[0-9]+: / { sub(/.*\] +[0-9]+: /, ""); print substr($0, 1, 47); next }
		on { exit }' "$T/log" | tr -d ' \n')
}

@test "walk: signatures: SKEYID of g^xy, and what SIG_I and SIG_R sign" {
	# in one datagram, which IP may cut
	LAB_CHARON='fragment_size = 8000' between_others ikev1-rsa
	skeyid-calc walk --json "$T/gw.pcap" --gxy "$GXY" >"$T/walk"
	"$SAPIPE_TOP/tests/lib/ike_values.py" "$T/gw.pcap" "$T/walk" "$T/log" signatures sha1 aes-128-cbc 16+20
	jq -e '.differ == 0 and .unknown == 0' "$T/walk"
	jq -e '[.messages[].values[] | select(.name == "SIG_I" or .name == "SIG_R").note |
		test("signed by the key of the certificate in message [56], of .*; the certificate was not checked$")] == [true, true]' "$T/walk"
	run -2 --separate-stderr skeyid-calc check --psk-text x "$T/gw.pcap"
	stderr_has "it has no pre-shared key"
}

@test "walk: messages in fragments of IKE are put together" {
	LAB_CHARON='fragment_size = 576' between_others ikev1-rsa 14
	run -0 --separate-stderr skeyid-calc walk --json "$T/gw.pcap" --gxy "$GXY"
	jq -e '[.messages[].values[] | select(.of == "FRAG")] | length > 2' <<<"$output"
	jq -e '.differ == 0 and .unknown == 0' <<<"$output"
	jq -e '[.messages[].values[] | select(.name == "HASH(3)") | .["on the wire"].verdict] == ["same"]' <<<"$output"
}

@test "walk: XAuth and mode config between two others: from the pre-shared key and g^xy alone" {
	between_others ikev1-xauth-psk
	skeyid-calc walk --json "$T/gw.pcap" --psk-file "$PSK" --gxy "$GXY" >"$T/walk"
	"$SAPIPE_TOP/tests/lib/ike_values.py" "$T/gw.pcap" "$T/walk" "$T/log" lab-psk sha1 aes-128-cbc 16+20
	jq -e '.differ == 0 and .unknown == 0 and ([.messages[] | select(.exchange == "transaction") | .values[] |
		select(.name == "HASH(1)" and .["on the wire"].verdict == "same")] | length >= 6)' "$T/walk"
	jq -e '[.messages[].values[].note // empty] | any(test("XAUTH_USER_NAME"))' "$T/walk"
	# and the key can be checked
	run -0 skeyid-calc check --psk-file "$PSK" --gxy "$GXY" "$T/gw.pcap"
	run -1 skeyid-calc check --psk-text other --gxy "$GXY" "$T/gw.pcap"
}

@test "walk: the state of either end explains the same; without it what is missing is named" {
	captured --natt force
	local end
	for end in l r; do
		run -0 --separate-stderr skeyid-calc walk --json "$T/x.pcapng" --sa "$T/$end.sa" --psk-file "$T/psk"
		jq -e '.differ == 0 and .same >= 20' <<<"$output"
		[ "$(jq -c '[.messages[].values[] | select(.missing != null) | .name]' <<<"$output")" = '["g^xy"]' ]
	done
	# Values that need no key are printed without one.
	run -0 --separate-stderr skeyid-calc walk --explain "$T/x.pcapng"
	output_has "IV [16] = hash(g^xi | g^xr), cut to a block"
	output_has "SKEYID: not known"
	output_has "it needs --psk or --psk-file"
	output_has "--private of either"
	run -0 skeyid-calc walk --json "$T/x.pcapng" --psk-file "$T/psk"
	jq -e '[.messages[].values[] | select(.name == "SKEYID")] | length == 1 and .[0].formula != null' <<<"$output"
	[ "$(jq '[.messages[].values[] | select(.name == "plaintext" and .missing != null)] | length' <<<"$output")" -ge 5 ]
	# both words for it, options in any order
	skeyid-calc --sa "$T/l.sa" --explain "$T/x.pcapng" >"$T/one"
	skeyid-calc walk "$T/x.pcapng" --explain --sa "$T/l.sa" | cmp - "$T/one"
	# a state on standard input
	skeyid-calc --sa - --explain "$T/x.pcapng" <"$T/l.sa" 2>/dev/null | cmp - "$T/one"
}

@test "walk: a bundle of ESP and AH: KEYMAT of both protocols, with the SPIs of each" {
	captured --esp aes128-sha1 --ah sha256
	local end
	for end in l r; do
		run -0 --separate-stderr skeyid-calc walk --json "$T/x.pcapng" --sa "$T/$end.sa"
		jq -e '.differ == 0' <<<"$output"
		jq -e '[.messages[].values[] | select(.name == "KEYMAT") | [.of, ."in the state".verdict]] |
			length == 4 and (map(.[0]) | unique | length) == 4 and (map(.[1]) | unique) == ["same"]' <<<"$output" ||
			{ jq -c '.messages[].values[] | select(.name == "KEYMAT")' <<<"$output"; return 1; }
		jq -e '[.messages[].values[] | select(.name | startswith("authentication"))] | length == 4' <<<"$output"
	done
}

@test "walk: differences are named, exit 1: another key, another state, a changed datagram" {
	captured --exchange aggressive
	run -1 --separate-stderr skeyid-calc walk "$T/x.pcapng" --sa "$T/l.sa" --psk-text wrong
	stderr_has "SKEYID of frame 2"
	stderr_has "HASH_R of frame 2"
	output_has "DIFFERS on the wire"
	output_has "DIFFERS in the state"
	# cookies of one SA, keys of another
	"$SAPIPE_TOP/tests/lib/sa_make.py" ike --seed 4 --ike "$(skeyid-calc walk --json "$T/x.pcapng" |
		jq -r '[.messages[].values[] | select(.name | test("CKY")) | .value] | add')" "$T/other.sa" none
	run -1 --separate-stderr skeyid-calc walk --json "$T/x.pcapng" --sa "$T/other.sa"
	stderr_has differ
	jq -e '.differ > 0' <<<"$output"
	# a byte of quick mode
	/usr/bin/python3 - "$T" <<-'PY'
		import sys
		d = bytearray(open(sys.argv[1] + "/x.pcapng", "rb").read())
		at = d.index(bytes.fromhex("08102001"))
		d[at + 40] ^= 1
		open(sys.argv[1] + "/y.pcapng", "wb").write(d)
	PY
	run -1 --separate-stderr skeyid-calc walk "$T/y.pcapng" --sa "$T/l.sa"
	stderr_has differ
}

@test "walk: which phase 1 of several; a capture that is none, empty, cut" {
	captured
	local cky
	cp "$T/x.pcapng" "$T/one.pcapng"
	cp "$T/l.sa" "$T/both.sa"
	ours
	cat "$T/l.sa" >>"$T/both.sa"
	mergecap -w "$T/both.pcapng" "$T/one.pcapng" "$T/x.pcapng"
	run -0 skeyid-calc walk --json "$T/both.pcapng" --sa "$T/both.sa"
	jq -e '[.messages[].sa] | unique == [1, 2]' <<<"$output"
	jq -e '.differ == 0 and ([.messages[].values[] | select(.name == "HASH_R")] | length == 2)' <<<"$output"
	cky=$(jq -r '[.messages[] | select(.sa == 2)][0].values[0].value' <<<"$output")
	run -0 skeyid-calc walk --json "$T/both.pcapng" --sa "$T/both.sa" --cky-i "$cky"
	jq -e '[.messages[].sa] | unique == [2]' <<<"$output"
	run -4 --separate-stderr skeyid-calc walk "$T/both.pcapng" --cky-i 0102030405060708
	one_error
	run -2 --separate-stderr skeyid-calc walk
	run -2 --separate-stderr skeyid-calc walk "$T/one.pcapng" --private xyz
	one_error
	run -2 --separate-stderr skeyid-calc walk "$T/one.pcapng" --sa "$T/nothing.sa"
	one_error
	run -4 --separate-stderr skeyid-calc walk "$T/l.sa"
	one_error
	run -4 --separate-stderr skeyid-calc walk "$T/one.pcapng" --sa "$T/one.pcapng"
	one_error
	run -2 --separate-stderr skeyid-calc walk "$T/none.pcapng"
	one_error
	# The last message is cut: what came before it counts.
	head -c -40 "$T/one.pcapng" >"$T/cut.pcapng"
	run -4 --separate-stderr skeyid-calc walk "$T/cut.pcapng" --sa "$T/both.sa"
	output_has "HASH_R"
	run -3 bash -c 'exec 3> >(:); wait $!; exec skeyid-calc --explain "$1" >&3' - "$T/one.pcapng"
}

@test "walk: later messages alone, with the state; nothing of phase 1 in the capture" {
	captured
	tshark -r "$T/x.pcapng" -Y 'isakmp.exchangetype != 2' -w "$T/late.pcapng" 2>/dev/null
	run -0 --separate-stderr skeyid-calc walk --json "$T/late.pcapng" --sa "$T/r.sa"
	jq -e '.differ == 0 and .unknown == 0 and
		([.messages[].values[] | select(.name | test("HASH")) | .["on the wire"].verdict] | length == 3 and all(. == "same"))' \
		<<<"$output"
	run -0 skeyid-calc walk "$T/late.pcapng"
	output_has "not known"
}

@test "walk: hostile captures: bytes changed in turn, no crash, no control codes" {
	captured
	/usr/bin/python3 - "$T" <<-'PY'
		import subprocess, sys, random
		t = sys.argv[1]
		d = open(t + "/x.pcapng", "rb").read()
		random.seed(1)
		for i in random.sample(range(200, len(d)), 250):
		    b = bytearray(d)
		    b[i] ^= random.choice((0xff, 0x01, 0x80))
		    open(t + "/y.pcapng", "wb").write(b)
		    r = subprocess.run(["skeyid-calc", "--explain", t + "/y.pcapng", "--sa", t + "/l.sa", "--psk-text", "secret"],
		                       capture_output=True, timeout=20)
		    bad = [c for c in r.stdout if c != 10 and not 32 <= c < 127]
		    if r.returncode not in (0, 1, 4) or bad:
		        sys.exit(f"byte {i}: exit {r.returncode} {bad} {r.stderr}")
	PY
}

@test "walk: more and larger values than the heap for secrets holds: the oldest are dropped, the walk continues" {
	/usr/bin/python3 - "$T" <<-'PY'
		import struct, sys, os
		def capture(name, messages):
		    with open(sys.argv[1] + name, "wb") as f:
		        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
		        for m in messages:
		            u = struct.pack(">HHHH", 500, 500, 8 + len(m), 0) + m
		            p = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(u), 0, 0, 64, 17, 0) + bytes((192, 0, 2, 1, 192, 0, 2, 2)) + u
		            f.write(struct.pack("<IIII", 0, 0, len(p), len(p)) + p)
		def message(cky_i, cky_r, exchange, mid, kind, body):
		    return (cky_i + cky_r + struct.pack(">BBBBII", kind, 0x10, exchange, 0, mid, 32 + len(body)) +
		            struct.pack(">BBH", 0, 0, 4 + len(body)) + body)
		# offers of main mode, each of another IKE SA
		capture("/offers.pcap", [message(struct.pack(">Q", i), bytes(8), 2, 0, 1, os.urandom(60000)) for i in range(1, 91)])
		# key exchanges of quick mode, all of one
		capture("/keys.pcap", [message(b"initiato", b"responde", 32, i, 4, os.urandom(60000)) for i in range(1, 91)])
	PY
	run -0 --separate-stderr skeyid-calc walk --json "$T/offers.pcap"
	jq -e '.messages | length == 90' <<<"$output"
	run -0 --separate-stderr skeyid-calc walk --json "$T/keys.pcap"
	jq -e '.messages | length == 90' <<<"$output"
}

@test "walk: on a terminal lines are as long as it is wide, and hex comes in whole groups" {
	captured
	local columns longest
	for columns in 80 200; do
		script -qec "stty cols $columns; skeyid-calc --explain '$T/x.pcapng' --sa '$T/l.sa'" /dev/null </dev/null |
			tr -d '\r' >"$T/out"
		longest=$(wc -L <"$T/out")
		[ "$longest" -le "$columns" ]
		[ "$longest" -gt $((columns / 2)) ]
		grep -q 'HASH_R' "$T/out"
	done
}
