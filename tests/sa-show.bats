#!/usr/bin/env bats
# sa-show: SA state for people, scripts and other programs.
# shards: 3
bats_require_minimum_version 1.5.0
load lib/common

setup() {
	need sa-show
	cd "$BATS_TEST_TMPDIR" || return 1
	umask 077
}

teardown() {
	stop_background
}

# state ARGUMENT...: two ends, the same keys each time, made at 1700000000 for an hour.
state() {
	"$SAPIPE_TOP/tests/lib/sa_make.py" "$1" --seed 7 --established 1700000000 "${@:2}"
}

# The time for which the above has half an hour left.
NOW=1700001800

# keys_of STATE: every key in it, in hex, one a line.
keys_of() {
	/usr/bin/python3 - "$1" <<-'PY'
		import sys, cbor2
		with open(sys.argv[1], "rb") as f:
		    while f.peek(1):
		        for v in cbor2.load(f).get("keys", {}).values():
		            if v:
		                print(v.hex())
	PY
}

# shows_no_key STATE: of the keys in it, the last output has none, nor a good part of one.
shows_no_key() {
	local k
	for k in $(keys_of "$1"); do
		[[ $output != *"${k:0:12}"* ]] || { echo "shown: $k"; return 1; }
	done
}

# shows_all_keys STATE
shows_all_keys() {
	local k
	for k in $(keys_of "$1"); do
		[[ $output == *"$k"* ]] || { echo "not shown: $k"; return 1; }
	done
}

@test "sa-show: without a record it is exit 1, in every format; in a pipe the negotiator has reported why" {
	local format
	for format in text json diag wireshark tcpdump xfrm; do
		run -1 --separate-stderr bash -c "true | sa-show --format $format"
		[ -z "$stderr" ]
		run -1 --separate-stderr sa-show --format $format </dev/null
		stderr_has "no SA record in the input"
	done
}

@test "sa-show: text names peers, IDs, proposal, selectors and what is left of the lifetime" {
	state pair --local-id gw.example --remote-id a@b.example --esp aes256-sha256-modp2048 --encap udp \
		--name site --local-ts 10.1.0.0/24 --local-ts 10.3.0.0-10.3.0.9,6,443 x.sa
	run -0 --separate-stderr sa-show --clock $NOW x.sa
	[ "$stderr" = "sa-show: test seam in use: --clock" ] || [[ $stderr == *--clock* ]]
	output_has "192.0.2.1:4500  gw.example"
	output_has "192.0.2.2:4500  a@b.example"
	output_has "aes-cbc 256, hmac-sha2-256-128, PFS modp2048"
	output_has "aes-cbc 128, sha256, modp2048"
	output_has "rfc3947, NAT in front of us, non-ESP marker"
	output_has "10.3.0.0-10.3.0.9 proto 6 port 443"
	output_has "1 h; until 2023-11-14T23:13:20Z, 30 min left"
	output_has "keys         enc-in, auth-in, enc-out, auth-out: hidden"
	run -0 --separate-stderr sa-show --clock 1700010000 x.sa
	output_has "1 h; expired 2023-11-14T23:13:20Z, 1 h 46 min ago"
}

@test "sa-show: an IKE SA of --failed-sa, which was never established, is printed as failed" {
	state ike --lifetime 0 --established $NOW x.sa
	run -0 --separate-stderr sa-show --clock $NOW x.sa
	output_has "failed       2023-11-14T22:43:20Z, before it was established"
	run ! grep -E 'established  |lifetime|left' <<<"$output"
	# one whose life is merely over is not called so
	state ike --lifetime 60 --established $NOW x.sa
	run -0 --separate-stderr sa-show --clock $((NOW + 100)) x.sa
	output_has "established  2023-11-14T22:43:20Z"
	output_has "expired 2023-11-14T22:44:20Z, 40 s ago"
	run ! grep failed <<<"$output"
}

@test "sa-show: keys are hidden in text, json and diag, and shown with --reveal-keys" {
	local f
	state pair --esp aes256-sha256 x.sa
	for f in text json diag; do
		run -0 sa-show --format $f x.sa
		shows_no_key x.sa
		run -0 sa-show --format $f --reveal-keys x.sa
		shows_all_keys x.sa
	done
}

@test "sa-show: values of keys stay hidden in unknown records and forms" {
	/usr/bin/python3 -c 'import sys, cbor2; sys.stdout.buffer.write(cbor2.dumps({"type": "new", "keys":
		{"a": b"secretsecret", "b": "secretsecret", "c": [{"d": b"secretsecret"}], "e": 424242},
		"deep": {"keys": b"secretsecret"}}))' >new.sa
	for f in text json diag; do
		run -0 sa-show --format $f - <new.sa
		[[ $output != *secretsecret* && $output != *736563726574* && $output != *424242* ]]
		output_has new
	done
	run -0 sa-show --json --reveal-keys - <new.sa
	[ "$(jq -r '.keys.a' <<<"$output")" = 736563726574736563726574 ]
	[ "$(jq -r '.keys.e' <<<"$output")" = 424242 ]
}

@test "sa-show --format json: an object a line, keys as in the schema, byte strings in hex" {
	state pair --encap udp x.sa y.sa
	run -0 sa-show --format json --reveal-keys x.sa y.sa
	[ "${#lines[@]}" -eq 4 ]
	[ "$(sa-show --json --reveal-keys x.sa y.sa)" = "$output" ]
	[[ $(jq -r '."spi-in"' <<<"${lines[1]}") =~ ^[0-9a-f]{8}$ ]]
	[ "$(jq -r '.type' <<<"$output" | paste -sd,)" = ike-sa,child-sa,ike-sa,child-sa ]
	# One end's in is the other's out.
	[ "$(jq -c '[."spi-in", .keys."enc-in"]' <<<"${lines[1]}")" = \
		"$(jq -c '[."spi-out", .keys."enc-out"]' <<<"${lines[3]}")" ]
	# Nothing is lost: the JSON makes the same record again.
	/usr/bin/python3 - "$output" x.sa <<-'PY'
		import sys, json, cbor2
		def unhex(v, k=""):
		    if isinstance(v, dict):
		        return {n: unhex(w, k if k == "keys" else n) for n, w in v.items()}
		    if isinstance(v, list):
		        return [unhex(w, k) for w in v]
		    if k in ("spi-in", "spi-out"):
		        return int(v, 16)
		    return bytes.fromhex(v) if k in ("keys", "ike", "spi-i", "spi-r", "vendor-ids") else v
		data = b"".join(cbor2.dumps(unhex(json.loads(l)), canonical=True)
		                for l in sys.argv[1].splitlines()[:2])
		sys.exit(data != open(sys.argv[2], "rb").read())
	PY
	run -0 sa-show --json x.sa
	[ "$(jq -r '.keys."enc-in"' <<<"${lines[1]}")" = hidden ]
}

@test "sa-show: an ID in UTF-8 is shown in a UTF-8 locale, its controls never; escaped elsewhere, and in JSON" {
	local one two
	state ike --remote-id 'z\xc3\xbcrich.example' x.sa
	run -0 env LC_ALL=C.UTF-8 sa-show x.sa
	output_has "zürich.example"
	run -0 env LC_ALL=C sa-show x.sa
	output_has 'z\xc3\xbcrich.example'
	one=$(LC_ALL=C.UTF-8 sa-show --json x.sa) two=$(LC_ALL=C sa-show --json x.sa)
	[ "$one" = "$two" ]
	jq -e . <<<"$one" >/dev/null
	# A direction override, a C1 control, a byte that is none, and a backslash before an x.
	state ike --remote-id 'a\xe2\x80\xaeb\xc2\x9bc\xc3d\\xc3\xbce' y.sa
	run -0 env LC_ALL=C.UTF-8 sa-show y.sa
	output_has 'a\xe2\x80\xaeb\xc2\x9bc\xc3d\\xc3\xbce'
}

@test "sa-show --format diag: diagnostic notation, of what JSON cannot say too" {
	state child --set 'new=[1, -7, {"a": null}]' x.sa
	run -0 sa-show --format diag --reveal-keys x.sa
	output_has '"spi-in": '
	output_has "\"ike\": h'"
	output_has '-7'
	printf '%b' '\xa2\x64type\x61x\x61y\x9f\x5f\x41a\x41b\xff\xc1\xfb\x3f\xf8\0\0\0\0\0\0\xff' >odd.sa
	run -0 sa-show --format diag odd.sa
	output_has "[_ "
	output_has "(_ "
	output_has "1(1.5)"
}

@test "sa-show --format diag: shows a record that breaks the schema, then says what is wrong" {
	state child --set encap x.sa
	run -4 --separate-stderr sa-show --format diag x.sa
	output_has '"type": "child-sa"'
	stderr_has 'child-sa: key "encap" is missing'
}

# indefinite FILE: its outer map as a streaming encoder writes it: 0xbf, the entries, a break.
indefinite() {
	/usr/bin/python3 - "$1" <<-'PY'
		import sys
		b = open(sys.argv[1], "rb").read()
		head = {0xb8: 2, 0xb9: 3}.get(b[0], 1)
		open(sys.argv[1], "wb").write(b"\xbf" + b[head:] + b"\xff")
	PY
}

@test "sa-show: a record of indefinite length is refused as that, and --format diag shows it" {
	state child x.sa
	indefinite x.sa
	run -4 --separate-stderr sa-show x.sa
	stderr_has 'the record must have a definite length'
	[ -z "$output" ]
	run -4 --separate-stderr sa-show --format diag x.sa
	output_has '{_'
	output_has '"type": "child-sa"'
	stderr_has 'the record must have a definite length'
	# longer heads and any order of keys are read
	printf '%b' '\xb8\x02\x78\x04type\x63new\x61z\x19\0\x01' >longer.sa
	run -0 sa-show longer.sa
}

# tshark reads "$@" (a capture first) with the lines of sa-show; the inner payload, a line a packet.
tshark_with() {
	local args=() line
	while IFS= read -r line; do args+=(-o "$line"); done < <(sa-show --format wireshark "$2")
	tshark -n -r "$1" "${args[@]}" -o esp.enable_authentication_check:TRUE -T fields -e data \
		-e "$3" 2>/dev/null
}

@test "sa-show --format wireshark: tshark decrypts both ways with the lines as they are" {
	local e opt probe
	command -v tshark >/dev/null || skip "no tshark"
	probe=$(printf sapipe-probe | od -An -tx1 | tr -d ' \n')
	for e in aes128-sha256 aes256-sha1 3des-md5 null-sha384 aes192ctr-sha512 aes128gcm16 \
		aes256gcm16 aes128gcm8 aes192gcm12; do
		for opt in '' '--encap udp' '--local 2001:db8::1 --remote 2001:db8::2'; do
			[[ -z $opt || $e == aes128-* || $e == aes128gcm16 ]] || continue
			# shellcheck disable=SC2086 # several words
			state child --esp $e $opt x.sa
			"$SAPIPE_TOP/tests/lib/esp_pcap.py" x.sa x.pcap
			run -0 tshark_with x.pcap x.sa esp.icv_good
			[ "$output" = "$probe"$'\t1\n'"$probe"$'\t1' ] || { echo "$e $opt: $output"; return 1; }
		done
	done
}

@test "sa-show --format wireshark: phase 1 by the initiator's cookie" {
	state ike --ike 0102030405060708f1f2f3f4f5f6f7f8 x.sa
	run -0 sa-show --format wireshark x.sa
	[ "$output" = "uat:ikev1_decryption_table:0102030405060708,$(/usr/bin/python3 -c \
		'import cbor2; print(cbor2.load(open("x.sa", "rb"))["keys"]["cipher"].hex())')" ]
	command -v tshark >/dev/null || skip "no tshark"
	run -0 tshark -o "$output" -v
}

@test "sa-show --format wireshark: tshark reads a negotiation from its first encrypted message on" {
	command -v tshark >/dev/null || skip "no tshark"
	need ike-initiate ike-respond
	unshare -Urnm true 2>/dev/null || skip "no user namespace here"
	printf secret >psk
	cat >negotiate <<-EOF
		set -eu
		ip link set lo up
		ip addr add 192.0.2.1/32 dev lo
		ip addr add 192.0.2.2/32 dev lo
		"$SAPIPE_TOP/tests/lib/sniff.py" lo n.pcap 300 >sniffing 3>&- & sniff=\$!
		ike-respond --psk-file psk --listen 192.0.2.2 --local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24 \
			-o r.sa 3>&- & respond=\$!
		trap 'kill \$sniff \$respond; wait' EXIT
		for i in \$(seq 200); do
			[ -s sniffing ] && ike-initiate --psk-file psk --local 192.0.2.1 --local-ts 10.1.0.0/24 \
				--remote-ts 10.2.0.0/24 --linger 0 -o i.sa 192.0.2.2 && break
			sleep 0.3
		done
		sleep 1
		[ -s i.sa ]
	EOF
	run -0 timeout 200 unshare -Urnm bash negotiate
	"$SAPIPE_TOP/tests/lib/cddl_check.py" --min 2 i.sa
	tshark -n -r n.pcap -V >plain 2>/dev/null
	run ! grep -q 'Identification Data:10.1.0.0/255.255.255.0' plain
	local args=() line
	while IFS= read -r line; do args+=(-o "$line"); done < <(sa-show --format wireshark i.sa)
	tshark -n -r n.pcap "${args[@]}" -V >clear 2>/dev/null
	grep -q 'Identification Data:192.0.2.2' clear
	grep -q 'Identification Data:10.1.0.0/255.255.255.0' clear
}

@test "sa-show --format wireshark: an SA comes once, an algorithm without a word is said" {
	state child --use in x.sa
	state child y.sa
	cat x.sa y.sa >z.sa
	run -0 sa-show --format wireshark z.sa
	[ "${#lines[@]}" -eq 3 ]
	state child --esp chacha20poly1305 x.sa
	run -0 --separate-stderr sa-show --format wireshark x.sa
	[ -z "$output" ]
	stderr_has "Wireshark does not support chacha20-poly1305"
}

@test "sa-show --format tcpdump: tcpdump decrypts, with -E and with a file" {
	local e
	command -v tcpdump >/dev/null || skip "no tcpdump"
	for e in aes128-sha1 aes256-md5 3des-sha1; do
		state child --esp $e x.sa
		"$SAPIPE_TOP/tests/lib/esp_pcap.py" x.sa x.pcap
		sa-show --format tcpdump x.sa >keys
		run -0 --separate-stderr tcpdump -Z root -nn -r x.pcap -E "file keys"
		output_has "IP 10.1.0.1.40000 > 10.2.0.1.9: UDP, length 12"
		output_has "IP 10.2.0.1.40000 > 10.1.0.1.9: UDP, length 12"
		run -0 --separate-stderr tcpdump -nn -r x.pcap -E "$(paste -sd, keys)"
		output_has "IP 10.2.0.1.40000 > 10.1.0.1.9: UDP, length 12"
	done
	# It knows only ICVs of 96 bits.
	state child --esp aes128-sha256 x.sa
	run -0 --separate-stderr sa-show --format tcpdump x.sa
	[ -z "$output" ]
	stderr_has "tcpdump does not support aes-cbc with hmac-sha2-256-128"
}

@test "sa-show --format xfrm: ip accepts every line" {
	local e line lacking=0
	command -v ip >/dev/null || skip "no ip"
	unshare -Urn ip xfrm state >/dev/null 2>&1 || skip "no XFRM in a namespace of our own here"
	for e in "--esp aes128-sha256" "--esp aes256gcm16-esn" "--esp chacha20poly1305" \
		"--esp null-sha1" "--esp aes128ctr-sha512" "--esp 3des-md5 --replay 64" \
		"--esp aes128-aesxcbc" "--esp aes128-sha256_96 --encap udp" "--ah sha256" "--esp aes128-sha1 --around sha256" \
		"--esp aes128-sha1 --local 2001:db8::1 --remote 2001:db8::2 --encap udp" \
		"--esp aes128gcm8 --local-ts 10.0.0.1-10.0.0.6,6,80 --replay 0 --mode transport" \
		"--esp aes192gcm12 --use in --encap udp-draft"; do
		# shellcheck disable=SC2086 # several words
		state child $e x.sa
		sa-show --format xfrm --clock $NOW x.sa >x.sh
		grep ' policy ' x.sh >policies
		# shellcheck disable=SC2016 # for the inner shell
		run -0 unshare -Urn sh -ec '. ./policies; ip xfrm policy | grep -c "^src"'
		[ "$output" -eq "$(wc -l <policies)" ]
		while IFS= read -r line; do
			run unshare -Urn sh -c "$line"
			# Kernels without the algorithm say so; ip itself must have understood.
			[[ $output != *"not found"* ]] || { lacking=1; continue; }
			[ "$status" -eq 0 ] || { echo "$e: $line: $output"; return 1; }
		done < <(grep ' state ' x.sh)
	done
	[ $lacking -eq 0 ] || echo "# some states: this kernel lacks the algorithm" >&3
}

@test "sa-show --format xfrm: both directions, ranges as networks, only SAs that have not expired" {
	state child --spi-in 0x1001 --spi-out 0x2002 --encap udp --local 192.0.2.1:4500 \
		--remote 192.0.2.2:33333 --local-ts 10.0.0.1-10.0.0.6 x.sa
	run -0 --separate-stderr sa-show --format xfrm --clock $NOW x.sa
	[[ ${lines[0]} == "ip xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x00001001 "*"encap espinudp 33333 4500 0.0.0.0" ]]
	[[ ${lines[1]} == "ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x00002002 "*"encap espinudp 4500 33333 0.0.0.0" ]]
	[ "$(grep -c ' dir out ' <<<"$output")" -eq 4 ]
	output_has "policy add src 10.0.0.2/31 dst 10.2.0.0/24 dir out tmpl src 192.0.2.1 dst 192.0.2.2"
	output_has "policy add src 10.2.0.0/24 dst 10.0.0.4/31 dir fwd tmpl src 192.0.2.2 dst 192.0.2.1"
	# A receive-only SA has no outbound half; a deleted one is not there.
	state child --use in y.sa
	run -0 --separate-stderr sa-show --format xfrm --clock $NOW y.sa
	[[ $output != *"dir out"* && ${lines[1]} != *"state add"* ]]
	"$SAPIPE_TOP/tests/lib/sa_make.py" delete --spi-in 0x1001 d.sa
	cat x.sa d.sa >z.sa
	run -0 --separate-stderr sa-show --format xfrm --clock $NOW z.sa
	[ -z "$output" ]
	# An expired SA is printed, with a warning.
	run -0 --separate-stderr sa-show --format xfrm --clock 2030-01-01T00:00:00Z x.sa
	[[ ${lines[0]} == "ip xfrm state add "* ]]
	stderr_has "SA in 00001001 out 00002002 is included, although it has expired"
	state child --local-ts 10.0.0.0/8,6,80-90 x.sa
	run -0 --separate-stderr sa-show --format xfrm --clock $NOW x.sa
	[ -z "$output" ]
	stderr_has "range of ports"
}

@test "sa-show --format xfrm: a bundle is two states in each direction, and policies with both templates" {
	state child --esp aes128-sha1 --around sha256 x.sa
	run -0 --separate-stderr sa-show --format xfrm --clock $NOW x.sa
	[[ $stderr != *omitted* ]] || { echo "$stderr"; return 1; }
	[ "$(grep -c 'state add .* proto esp .* reqid 1 mode tunnel' <<<"$output")" = 2 ]
	[ "$(grep -c 'state add .* proto ah .* reqid 1 mode transport' <<<"$output")" = 2 ]
	[ "$(grep -c 'policy add' <<<"$output")" = 3 ]
	output_has "dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 1 mode tunnel tmpl src 192.0.2.1 dst 192.0.2.2 proto ah reqid 1 mode transport"
	output_has "dir in tmpl src 192.0.2.2 dst 192.0.2.1 proto esp reqid 1 mode tunnel tmpl src 192.0.2.2 dst 192.0.2.1 proto ah reqid 1 mode transport"
	# Half of it would accept less than was negotiated.
	"$SAPIPE_TOP/tests/lib/sa_make.py" delete --protocol ah --spi-in "0x$(sa-show --json x.sa | jq -rs '.[0]."spi-in"')" d.sa
	cat x.sa d.sa >z.sa
	run -0 --separate-stderr sa-show --format xfrm --clock $NOW z.sa
	[ -z "$output" ]
	stderr_has "omitted: the other SA of its bundle is not in the input"
}

@test "sa-show: standard input is the default, - among files, concatenated files are one" {
	state pair x.sa y.sa
	[ "$(sa-show --json <x.sa)" = "$(sa-show --json x.sa)" ]
	[ "$(cat x.sa y.sa | sa-show --json)" = "$(sa-show --json x.sa y.sa)" ]
	[ "$(sa-show --json x.sa - <y.sa)" = "$(sa-show --json x.sa y.sa)" ]
}

@test "sa-show: reads records inside the seccomp filter" {
	[[ $SAPIPE_BUILD != *san* ]] || skip "the sanitizers allow no filter"
	mkfifo pipe
	background show sa-show pipe
	exec 9>pipe
	eventually 5 grep -q '^Seccomp:[[:space:]]2$' "/proc/${BG[show]}/status"
	exec 9>&-
	local rc=0
	ended show || rc=$?
	[ $rc -eq 1 ]
}

@test "sa-show: follows a pipe record by record" {
	local rc=0
	state pair x.sa
	mkfifo pipe
	background show sa-show --json pipe
	exec 9>pipe
	cat x.sa >&9
	eventually 5 grep -q child-sa show.out
	head -c 20 x.sa >&9
	exec 9>&-
	ended show || rc=$?
	[ "$rc" -eq 4 ]
	[ "$(wc -l <show.out)" -eq 2 ]
	grep -q "cut short" show.err
}

@test "sa-show: a damaged record is exit 4 with key and offset, those before it count" {
	state ike x.sa
	cp x.sa two.sa
	state child --set spi-out x.sa
	cat x.sa >>two.sa
	run -4 --separate-stderr sa-show --json two.sa
	[ "${#lines[@]}" -eq 1 ]
	stderr_has 'two.sa: '
	stderr_has 'child-sa: key "spi-out" is missing'
	stderr_has "$(($(stat -c %s two.sa) - $(stat -c %s x.sa)))"
	head -c 300 two.sa >cut.sa
	run -4 --separate-stderr sa-show cut.sa
	stderr_has "cut short"
	echo 'no state' >text
	run -4 --separate-stderr sa-show text
	one_error
	state child --set format=9 x.sa
	run -4 --separate-stderr sa-show x.sa
	one_error
	stderr_has "format 9"
	# The next file is shown all the same.
	state ike y.sa
	run -4 --separate-stderr sa-show --json x.sa y.sa
	[ "${#lines[@]}" -eq 1 ]
}

@test "sa-show: a file that is not there and misuse are exit 2" {
	run -2 --separate-stderr sa-show missing.sa
	one_error
	stderr_has missing.sa
	run -2 --separate-stderr sa-show .
	one_error
	run -2 --separate-stderr sa-show --format yaml x.sa
	one_error
	run -2 --separate-stderr sa-show --format text --json x.sa
	one_error
	run -2 --separate-stderr sa-show - - </dev/null
	one_error
}

@test "sa-show: a file that others can read is warned about, and shown" {
	state child x.sa
	chmod 644 x.sa
	run -0 --separate-stderr sa-show x.sa
	stderr_has "x.sa: other users can read its keys (mode 0644)"
	output_has child-sa
	run -0 --separate-stderr sa-show <x.sa
	stderr_has "mode 0644"
	chmod 600 x.sa
	run -0 --separate-stderr sa-show x.sa
	[ -z "$stderr" ]
}

@test "sa-show: what came from a peer cannot act on the terminal" {
	local esc=$'\e'
	state child --set "name=\"a${esc//$'\e'/\\u001b}[2Jb\"" x.sa
	for f in text json diag; do
		run -0 sa-show --format $f x.sa
		[[ $output != *"$esc"* ]]
	done
}

@test "sa-show: bindings of NHRP: networks, next hops, what is withdrawn and what never expires" {
	"$SAPIPE_TOP/tests/lib/sa_make.py" binding 10.2.0.0/24 --nbma 192.0.2.12 --nat-nbma 203.0.113.1 --via 10.255.255.2 --kind shortcut \
		--set 'flags={"nat": true}' --set expires=1700000060 x.sa
	run -0 --separate-stderr sa-show --clock 1700000000 x.sa
	[ "$output" = "nhrp-binding 10.2.0.0/24
    kind         shortcut, NAT
    via          10.255.255.2
    nbma         192.0.2.12
    nat-nbma     203.0.113.1
    holding      10 min; until 2023-11-14T22:14:20Z, 1 min left
    from         test" ]
	"$SAPIPE_TOP/tests/lib/sa_make.py" binding 2001:db8::7 --holding 0 x.sa
	run -0 sa-show x.sa
	output_has "nhrp-binding 2001:db8::7"
	output_has "withdrawn"
	"$SAPIPE_TOP/tests/lib/sa_make.py" binding 10.255.255.1 --nbma 192.0.2.1 --set expires=18446744073709551615 x.sa
	run -0 sa-show x.sa
	output_has "never expires"
	"$SAPIPE_TOP/tests/lib/sa_make.py" binding 10.255.255.1 --nbma 192.0.2.1 --set prefix=300 x.sa
	run -4 sa-show x.sa
}

@test "sa-show: the examples of its man page run" {
	local cmd n=0
	state pair p1.sa
	cp p1.sa p2.sa
	cp p1.sa x.sa
	"$SAPIPE_TOP/tests/lib/esp_pcap.py" x.sa vpn.pcap
	while IFS= read -r cmd; do
		[[ $cmd != *"ip xfrm"* && $cmd != *"| sudo"* ]] || continue
		run -0 bash -o pipefail -c "$cmd" </dev/null
		n=$((n + 1))
	done < <(sed -n '/^\.Sh EXAMPLES/,/^\.Sh /{/^\.Bd/,/^\.Ed/{/^\./d;p}}' "$SAPIPE_TOP/man/sa-show.1" |
		sed -e ':a' -e '/\\e$/{N;s/\\e\n//;ta}' -e 's/\\e/\\/g')
	[ "$n" -ge 3 ]
}

@test "sa-show: text fits 40, 80 and 200 columns, and loses nothing" {
	local columns
	state pair --local-id gw.with.a.long.name.example --remote-id "C=CH, O=A company with a long name, CN=gw" \
		--esp aes256-sha256-modp2048 --encap udp --name site --local-ts 10.1.0.0/24 --local-ts 10.3.0.0-10.3.0.9,6,443 x.sa
	sa-show --clock $NOW --reveal-keys x.sa >all 2>err
	[ "$(wc -L <all)" -gt 80 ]
	for columns in 40 80 200; do
		COLUMNS=$columns sa-show --clock $NOW --reveal-keys x.sa >out 2>err
		[ "$(wc -L <out)" -le $columns ] || { awk -v c=$columns 'length > c' out; return 1; }
		[ "$(tr -d ' \n' <out)" = "$(tr -d ' \n' <all)" ]
	done
	# a terminal, which knows its size
	[ "$(script -qec 'stty cols 40; sa-show x.sa' /dev/null </dev/null | tr -d '\r' | wc -L)" -le 40 ]
}
