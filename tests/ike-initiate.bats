#!/usr/bin/env bats
# ike-initiate without a gateway: its options, messages and files.
# shards: 6
# shellcheck disable=SC2016 # for the inner shell to expand
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell, and BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/ike

setup() {
	need ike-initiate ike-respond
	ike_setup
}
teardown() { stop_background; }

# fact TEXT: the last run's error is one line with TEXT and one hint.
fact() {
	one_error
	stderr_has "$1"
	stderr_has "hint: "
}

@test "ike-initiate: without a peer, or with two, it is exit 2" {
	run -2 --separate-stderr ike-initiate
	one_error
	stderr_has "no PEER given"
	run -2 --separate-stderr ike-initiate 192.0.2.1 192.0.2.2
	one_error
	run -2 --separate-stderr ike-initiate --psk-file gw.psk 192.0.2.1:99999
	one_error
	run -2 --separate-stderr ike-initiate --psk-file gw.psk --local 127.0.0.1:1 ''
	one_error
}

@test "ike-initiate: a proposal that names an unknown algorithm is exit 2 and says which word" {
	run -2 --separate-stderr initiate_with --ike aes128-rot13-modp1024 "$R"
	fact "rot13"
	run -2 --separate-stderr initiate_with --esp aes128-sha1-modp999 "$R"
	fact "modp999"
	run -2 --separate-stderr ike-initiate --psk-file gw.psk --ike aes128-sha1 "$R"
	fact "--ike"
	run -2 --separate-stderr ike-initiate --psk-file gw.psk --esp '' "$R"
	fact "--esp"
}

@test "ike-initiate: flags that exclude each other are exit 2" {
	run -2 --separate-stderr ike-initiate --phase1 --phase2 x.sa "$R"
	one_error
	run -2 --separate-stderr ike-initiate --phase2 x.sa --delete y.sa
	one_error
	run -2 --separate-stderr ike-initiate --delete x.sa --keep
	one_error
	run -2 --separate-stderr ike-initiate --psk-file gw.psk --aggressive-clear "$R"
	one_error
	run -2 --separate-stderr initiate --local-ts 10.0.0.0/8 --remote-ts 2001:db8::/32 "$R"
	one_error
}

@test "ike-initiate: networks, IDs and addresses that are none are exit 2" {
	run -2 --separate-stderr initiate --remote-ts 10.0.0.1/8 "$R"
	fact "10.0.0.1/8"
	run -2 --separate-stderr initiate --local-id 'gn:zz' "$R"
	fact "--local-id"
	run -2 --separate-stderr ike-initiate --psk-file gw.psk --local nowhere "$R"
	fact "nowhere"
	run -2 --separate-stderr ike-initiate --psk-file gw.psk --local "$R" "$R"
	stderr_has "is an address of this machine"
}

@test "ike-initiate: a missing, empty or wrong secret file is exit 2 and never shown" {
	run -2 --separate-stderr ike-initiate --local "$I" --psk-file absent "$R"
	fact "absent"
	: >empty
	run -2 --separate-stderr ike-initiate --local "$I" --psk-file empty "$R"
	one_error
	stderr_has "empty"
	run -2 --separate-stderr ike-initiate --local "$I" --psk-file . "$R"
	one_error
	printf '0xhunter2' >bad
	run -2 --separate-stderr ike-initiate --local "$I" --psk-file bad "$R"
	one_error
	[[ $stderr != *hunter2* ]]
}

@test "ike-initiate: a secret file that others can read brings a warning and works" {
	chmod 644 gw.psk
	usual_responder
	run -0 --separate-stderr initiate "${NETS[@]}" -o x.sa "$R"
	stderr_has "warning: gw.psk: other users can read its keys (mode 0644)"
}

@test "ike-initiate: port 500 without permission is exit 3, with a hint" {
	[ "$(id -u)" = 0 ] || skip "not root: cannot become nobody"
	[ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 500 ] || skip "port 500 is open to all"
	cp "$SAPIPE_BUILD/ike-initiate" nobodys
	chmod 755 . nobodys "$BATS_TEST_TMPDIR/.." 2>/dev/null || :
	run -3 --separate-stderr bash -c 'setpriv --reuid=65534 --regid=65534 --clear-groups \
		--bounding-set -all env S=secret "$1" --local "$2" --psk-file env:S "$3" 2>&1 >/dev/null \
		</dev/null' - "$SAPIPE_BUILD/ike-initiate" "${I%:*}:500" "$R"
	output_has "ermission denied"
	output_has "hint: ports below 1024 need CAP_NET_BIND_SERVICE"
}

@test "ike-initiate: SA state is not written to a terminal" {
	command -v script >/dev/null || skip "no script"
	run -2 script -qec "ike-initiate --local $I --psk-file gw.psk $R" /dev/null
	output_has "terminal"
	output_has "sa-show"
}

@test "ike-initiate: both ends' records are in order by the schema and agree" {
	usual_responder --local-id right.example --name them
	run -0 --separate-stderr initiate_with "${FAST[@]}" "${NETS[@]}" --remote-id right.example --name us -o i.sa "$R"
	[ -z "$stderr" ]
	[ "$(stat -c %a i.sa)" = 600 ]
	run -0 "$CHECK" i.sa
	[ "$output" = "1 child-sa, 1 ike-sa" ]
	run -0 "$CHECK" r.out
	[ "$output" = "2 child-sa, 1 ike-sa" ]
	/usr/bin/python3 - <<-'PY'
		import cbor2
		def read(name):
		    f, out = open(name, "rb"), []
		    while f.peek(1): out.append(cbor2.load(f))
		    return out
		i, r = read("i.sa"), read("r.out")
		assert i[0]["keys"]["skeyid-d"] == r[0]["keys"]["skeyid-d"]
		assert i[0]["name"] == "us" and r[0]["name"] == "them"
		a, b, c = i[1], r[1], r[2]
		assert (b["use"], c["use"], a["use"]) == ("in", "both", "both")
		assert a["keys"]["enc-in"] == c["keys"]["enc-out"] and a["keys"]["auth-out"] == c["keys"]["auth-in"]
		assert a["spi-in"] == c["spi-out"] and a["local-ts"] == c["remote-ts"]
		assert b["keys"] == c["keys"] and b["spi-in"] == c["spi-in"]
	PY
}

@test "ike-initiate: aggressive mode, its third message encrypted or in clear" {
	usual_responder --exchange aggressive --local-id right.example
	run -0 --separate-stderr initiate --exchange aggressive --local-id a@b.example "${NETS[@]}" -o a.sa "$R"
	run -0 --separate-stderr initiate --exchange aggressive --aggressive-clear "${NETS[@]}" -o b.sa "$R"
	run -0 "$CHECK" a.sa b.sa
	[ "$output" = "2 child-sa, 2 ike-sa" ]
}

@test "ike-initiate: PFS, AH, transport mode, and a port of a network" {
	local alg=(--ike aes128-sha1-modp1024)
	responder_with "${alg[@]}" --esp aes128-sha1-modp1024 --psk-file gw.psk "${STEN[@]}"
	run -0 --separate-stderr initiate_with "${alg[@]}" --esp aes128-sha1-modp1024 --remote-id any "${NETS[@]}" -o x.sa "$R"
	stop_background
	responder_with "${alg[@]}" --ah sha256 --mode transport --psk-file gw.psk --local-ts "${R%:*}[tcp/80]"
	run -0 --separate-stderr initiate_with "${alg[@]}" --ah sha256 --mode transport --remote-id any \
		--remote-ts "${R%:*}[tcp/80]" -o y.sa "$R"
	run -0 "$CHECK" x.sa y.sa
	[ "$output" = "2 child-sa, 2 ike-sa" ]
}

@test "ike-initiate: several networks make several child SAs" {
	responder --psk-file gw.psk --local-ts 10.2.0.0/16 --remote-ts 10.1.0.0/24
	run -0 --separate-stderr initiate --local-ts 10.1.0.0/24 --remote-ts 10.2.1.0/24 --remote-ts 10.2.2.0/24 \
		--remote-ts 10.2.3.0-10.2.3.9 -o x.sa "$R"
	run -0 "$CHECK" x.sa
	[ "$output" = "3 child-sa, 1 ike-sa" ]
}

@test "ike-initiate: one network of three that the peer refuses is exit 1, the others are written" {
	responder --psk-file gw.psk --local-ts 10.2.0.0/24 --local-ts 10.4.0.0/24 --remote-ts 10.1.0.0/24
	run -1 --separate-stderr initiate --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 \
		--remote-ts 10.3.0.0/24 --remote-ts 10.4.0.0/24 -o x.sa "$R"
	stderr_has "10.3.0.0/24"
	run -0 "$CHECK" x.sa
	[ "$output" = "2 child-sa, 1 ike-sa" ]
}

@test "ike-initiate: a peer that never answers is exit 1, with the number of tries and the time" {
	fake mute
	run -1 --separate-stderr initiate --timeout 2 "${NETS[@]}" "$R"
	fact "phase 1 (main mode), message 2"
	# A busy machine may leave time for fewer.
	[[ $stderr =~ "no answer from $R to message 1, sent "([23])" times in "[2-9]" s" ]] || { echo "$stderr"; return 1; }
	[ "$(wc -l <fake.got)" = "${BASH_REMATCH[1]}" ]
	[ "$(sort -u fake.got | wc -l)" = 1 ]
	[ -z "$output" ]
}

@test "ike-initiate: a closed port is reported" {
	run -1 --separate-stderr initiate --timeout 5 "${NETS[@]}" "$R"
	fact "unreachable"
}

@test "ike-initiate: whatever garbage a peer sends, it ends in time with exit 1" {
	local mode
	for mode in random header echo truncate lengths notify flood; do
		fake "$mode" 7
		run -1 --separate-stderr initiate --timeout 2 --exchange main "$R"
		[ -z "$output" ]
		stderr_has "hint: "
		run -1 --separate-stderr initiate --timeout 2 --exchange aggressive "$R"
		[ -z "$output" ]
		stop_background
	done
}

@test "ike-initiate: a refusal in clear does not stop a peer that answers all the same" {
	/usr/bin/python3 - "${R%:*}" "${I%:*}" <<-'PY' 3>&- &
		import select, socket, struct, sys
		# in front of the real one: a forged NO-PROPOSAL-CHOSEN for each first message
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], 5600))
		up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); up.bind((sys.argv[1], 0))
		while True:
		    ready = select.select([s, up], [], [], 60)[0]
		    if not ready: break
		    if up in ready: s.sendto(up.recv(65535), peer)
		    if s not in ready: continue
		    data, peer = s.recvfrom(65535)
		    if data[8:16] == bytes(8):
		        s.sendto(data[:8] + b"X" * 8 + b"\x0b\x10\x05\x00" + b"abcd" + struct.pack(">I", 40) +
		            struct.pack(">BBHIBBH", 0, 0, 12, 1, 1, 0, 14), peer)
		    up.sendto(data, (sys.argv[1], 5500))
	PY
	BG[relay]=$!
	usual_responder --natt off
	eventually 20 bound "${R%:*}:5600"
	run -0 --separate-stderr initiate --natt off "${NETS[@]}" -o x.sa "${R%:*}:5600"
	run -0 "$CHECK" x.sa
}

@test "ike-initiate: a wrong secret is called one, by both ends" {
	responder --psk-file other.psk "${STEN[@]}"
	run -1 --separate-stderr initiate --timeout 8 "${NETS[@]}" "$R"
	stderr_has "pre-shared keys differ"
	stderr_has "hint: the secrets differ"
	r_says "pre-shared keys differ"
	r_says "main mode"
}

@test "ike-initiate: and in aggressive mode" {
	responder --exchange aggressive --psk-file other.psk "${STEN[@]}"
	run -1 --separate-stderr initiate --exchange aggressive --timeout 4 "${NETS[@]}" "$R"
	stderr_has "pre-shared key"
	stderr_has "hint: the secrets differ"
}

@test "ike-initiate: an ID that is not the expected one is shown beside it" {
	usual_responder --local-id right.example
	run -1 --separate-stderr initiate_with "${FAST[@]}" --remote-id wrong.example --timeout 8 "${NETS[@]}" "$R"
	stderr_has "the peer calls itself right.example, expected is wrong.example"
	stderr_has "hint: "
}

@test "ike-initiate: an ID that the responder does not expect is refused and shown there" {
	usual_responder --remote-id known.example
	run -1 --separate-stderr initiate --local-id stranger.example --timeout 6 "${NETS[@]}" "$R"
	stderr_has "phase 1 (main mode), message 5"
	r_says "stranger.example"
	r_says "known.example"
}

@test "ike-initiate: networks that do not fit are shown from both sides" {
	usual_responder
	run -1 --separate-stderr initiate --local-ts 10.1.0.0/24 --remote-ts 10.9.0.0/16 -o x.sa "$R"
	fact "10.9.0.0/16"
	stderr_has "phase 2 (quick mode)"
	r_says "the peer asks for 10.9.0.0/16 here and 10.1.0.0/24 there, configured are 10.2.0.0/24 and 10.1.0.0/24"
}

@test "ike-initiate: PFS on one side only is called so" {
	usual_responder
	run -1 --separate-stderr initiate_with --ike aes128-sha1-modp1024 --esp aes128-sha1-modp1024 --remote-id any "${NETS[@]}" -o x.sa "$R"
	stderr_has "phase 2 (quick mode)"
	stderr_has "hint: "
	[[ $stderr == *"erfect forward secrecy"* || $stderr == *PFS* ]]
}

@test "ike-initiate: no common proposal: offered beside configured, with the difference" {
	usual_responder
	run -1 --separate-stderr timeout 60 ike-initiate --local "$I" --psk-file gw.psk --timeout 5 \
		--ike aes256-sha512-modp2048 "${NETS[@]}" "$R"
	stderr_has "NO-PROPOSAL-CHOSEN"
	stderr_has "aes256-sha512-modp2048"
	stderr_has "hint: proposal mismatch"
	r_says "aes256-sha512-modp2048"
	r_says "aes128-sha1-modp1024"
	run -1 --separate-stderr initiate_with --ike aes128-sha1-modp1024 --esp aes256gcm16 --remote-id any "${NETS[@]}" -o x.sa "$R"
	stderr_has "aes256gcm16"
	r_says "aes256gcm16"
}

@test "ike-initiate: phase 1 to a file, phase 2 from it, delete, each a process of its own" {
	need sa-show
	usual_responder
	run -0 --separate-stderr initiate --phase1 -o p1.sa "$R"
	run -0 "$CHECK" p1.sa
	[ "$output" = "1 ike-sa" ]
	run -0 sa-show p1.sa
	# the ports are those of the record, without an option, and no secret is needed
	run -0 --separate-stderr timeout 60 ike-initiate --phase2 p1.sa --linger 0 --esp aes128-sha1 \
		"${NETS[@]}" -o p2.sa
	[ -z "$stderr" ]
	run -0 "$CHECK" p2.sa
	[ "$output" = "1 child-sa" ]
	wrote r.out "2 child-sa, 1 ike-sa"
	run -0 bash -c 'cat p1.sa p2.sa | timeout 60 ike-initiate --delete - | "$1"' - "$CHECK"
	[ "$output" = "2 sa-delete" ]
	eventually 10 r_says "an IKE SA ends: deleted by the peer"
	r_says "ends: deleted by the peer"
}

@test "ike-initiate: two IKE SAs in one state file: PEER says which, else exit 2" {
	usual_responder
	run -0 initiate --phase1 -o a.sa "$R"
	run -0 initiate --phase1 -o b.sa "$R"
	cat a.sa b.sa >two.sa
	run -2 --separate-stderr timeout 60 ike-initiate --phase2 two.sa "${NETS[@]}"
	one_error
	stderr_has "2 live IKE SAs"
	run -1 --separate-stderr timeout 60 ike-initiate --delete a.sa 192.0.2.77
	fact "no live IKE SA with 192.0.2.77"
	# a deleted one does not count
	run -0 bash -c 'timeout 60 ike-initiate --delete a.sa >gone.sa'
	cat gone.sa >>two.sa
	run -0 --separate-stderr timeout 60 ike-initiate --phase2 two.sa --linger 0 --esp aes128-sha1 "${NETS[@]}" -o c.sa "${R%:*}"
}

@test "ike-initiate: state that is corrupt, cut off, of another version, expired or absent" {
	usual_responder
	run -0 initiate --phase1 -o p1.sa "$R"
	head -c 100 p1.sa >cut.sa
	run -4 --separate-stderr ike-initiate --phase2 cut.sa
	one_error
	printf 'not state' >junk.sa
	run -4 --separate-stderr ike-initiate --delete junk.sa
	one_error
	"$SAPIPE_TOP/tests/lib/sa_make.py" child --seed 1 --established 1700000000 --set format=2 v2.sa
	run -4 --separate-stderr ike-initiate --phase2 v2.sa
	one_error
	run -1 --separate-stderr ike-initiate --phase2 p1.sa --clock 2126-01-01T00:00:00Z
	stderr_has "no live IKE SA"
	: >empty.sa
	run -1 --separate-stderr ike-initiate --phase2 empty.sa
	fact "no live IKE SA"
	run -2 --separate-stderr ike-initiate --phase2 absent.sa
	one_error
	cp p1.sa wide.sa
	chmod 644 wide.sa
	run -0 --separate-stderr bash -c 'timeout 60 ike-initiate --delete wide.sa >/dev/null'
	stderr_has "mode 0644"
}

@test "ike-initiate: --phase2 after the responder has ended is exit 1 and deletes nothing" {
	usual_responder
	run -0 initiate --phase1 -o p1.sa "$R"
	stop_background
	fake mute
	run -1 --separate-stderr timeout 60 ike-initiate --phase2 p1.sa --timeout 2 "${NETS[@]}"
	stderr_has "p1.sa: phase 2 (quick mode), message 2 (chooses one): no answer from $R to message 1"
	stderr_has ", nor to R-U-THERE"
	stderr_has "hint: the peer has probably forgotten this IKE SA"
	[ -z "$output" ]
}

@test "ike-initiate: --phase2 reports that a restarted responder has forgotten the SA" {
	usual_responder
	run -0 initiate --phase1 -o p1.sa "$R"
	stop_background
	usual_responder
	run -1 --separate-stderr timeout 60 ike-initiate --phase2 p1.sa "${NETS[@]}"
	stderr_has "p1.sa: phase 2 (quick mode), message 1 (offers proposals for a child SA): the peer has forgotten this IKE SA (INVALID-COOKIE)"
	stderr_has "hint: the peer no longer has this phase 1 SA"
	[ "$(grep -c "${I%:*}:.* uses an IKE SA that is unknown here" r.err)" = 1 ]
	# it is a hint: the responder is as it was
	run -0 initiate "${NETS[@]}" -o x.sa "$R"
}

@test "ike-initiate: --seed and --clock make a run repeatable byte for byte, and say so" {
	local k
	for k in 1 2; do
		background "s$k" timeout 60 ike-respond --once --linger 0.1 --listen "$R" "${FAST[@]}" --psk-file gw.psk \
			"${STEN[@]}" --seed right --clock 2026-01-02T03:04:05Z
		eventually 20 bound "$R"
		run -0 --separate-stderr initiate "${NETS[@]}" --seed left --clock 2026-01-02T03:04:05Z -o "i$k.sa" "$R"
		stderr_has "--seed"
		stderr_has "--clock"
		ended "s$k"
	done
	cmp i1.sa i2.sa
	cmp s1.out s2.out
	run -0 "$CHECK" i1.sa s1.out
}

@test "ike-initiate: a reader that closes the pipe is exit 3, and the peer gets a delete" {
	usual_responder
	run -3 --separate-stderr bash -c 'set -o pipefail; timeout 60 ike-initiate --keep --local "$1" \
		--psk-file gw.psk --ike aes128-sha1-modp1024 --esp aes128-sha1 --remote-id any --local-ts 10.1.0.0/24 \
		--remote-ts 10.2.0.0/24 "$2" | head -c 1 >/dev/null' - "$I" "$R"
	one_error
	eventually 10 r_says "an IKE SA ends: deleted by the peer"
	run -3 --separate-stderr bash -c 'set -o pipefail; timeout 60 ike-initiate --keep --local "$1" \
		--psk-file gw.psk --ike aes128-sha1-modp1024 --esp aes128-sha1 --remote-id any "$2" | true' - "$I" "$R"
}

@test "ike-initiate: --keep ends on SIGTERM without waiting for the peer: deletes, sa-delete records, exit 0" {
	local sig
	for sig in TERM INT HUP; do
		rm -f k.out k.err
		usual_responder
		background k ike-initiate -v --keep --timeout 300 --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any "${NETS[@]}" "$R"
		eventually 20 grep -q "child SA" k.err
		wrote r.out "2 child-sa, 1 ike-sa"
		# Nobody answers, and the time to wait for an answer is long.
		kill -STOP "${BG[r]}"
		kill "-$sig" "${BG[k]}"
		ended k
		kill -CONT "${BG[r]}"
		run -0 "$CHECK" k.out
		[ "$output" = "1 child-sa, 1 ike-sa, 2 sa-delete" ] || { echo "$output"; cat k.err; return 1; }
		eventually 10 r_says "an IKE SA ends: deleted by the peer"
		stop_background
	done
}

@test "ike-initiate: a signal to the whole pipeline is no lost reader, even if the reader ends first" {
	usual_responder
	for _ in 1 2 3 4 5 6; do
		rm -f i.err i.rc
		# shellcheck disable=SC2016 # the inner bash expands it
		background k setsid bash -c 'trap : TERM; ike-initiate -v --keep --local "$1" --psk-file gw.psk \
			--ike aes128-sha1-modp1024 --esp aes128-sha1 --remote-id any --local-ts 10.1.0.0/24 \
			--remote-ts 10.2.0.0/24 "$2" 2>i.err | cat >/dev/null
			echo "${PIPESTATUS[0]}" >i.rc' - "$I" "$R"
		eventually 10 grep -qs "established: " i.err
		kill -TERM -- "-${BG[k]}"
		ended k 10 || :
		[ "$(cat i.rc)" = 0 ] && ! grep "reader" i.err || { cat i.rc i.err; return 1; }
	done
}

# rekeyed: the records of k hold two SAs of each phase at least.
rekeyed() {
	[[ $("$CHECK" k.out) =~ ([0-9]+)" child-sa, "([0-9]+)" ike-sa" ]] && [ "${BASH_REMATCH[1]}" -ge 2 ] &&
		[ "${BASH_REMATCH[2]}" -ge 2 ]
}

@test "ike-initiate: --keep rekeys both phases and answers the peer's DPD" {
	usual_responder --dpd-interval 1 --dpd-tries 3
	background k ike-initiate -v --keep --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any "${NETS[@]}" \
		--esp-lifetime 8 --ike-lifetime 10 "$R"
	nap 5
	eventually 20 rekeyed
	kill -TERM "${BG[k]}"
	ended k
	run -0 "$CHECK" k.out
	run ! grep -q "is dead" r.err k.err
}

@test "ike-initiate: --keep reconnects after a restart of the gateway, and after its delete" {
	usual_responder
	background k ike-initiate -v --keep --local "$I" --psk-file gw.psk "${FAST[@]}" --remote-id any "${NETS[@]}" \
		--dpd-interval 1 --dpd-tries 2 --timeout 2 "$R"
	eventually 20 grep -q "child SA" k.err
	kill -KILL "${BG[r]}"
	wait "${BG[r]}" || :
	eventually 10 grep -q "the peer is dead" k.err
	usual_responder
	eventually 15 r_says "child SA"
	kill -TERM "${BG[r]}"
	ended r
	usual_responder
	eventually 15 r_says "child SA"
	kill -TERM "${BG[k]}"
	ended k
	run -0 "$CHECK" k.out
}

@test "ike-initiate: without --keep it lingers and ends, and DPD is not answered" {
	usual_responder --dpd-interval 1 --dpd-tries 2
	run -0 initiate "${NETS[@]}" -o x.sa "$R"
	eventually 15 r_says "is dead"
}

@test "ike-initiate: AH and forced NAT traversal exclude each other: fact and hint" {
	responder_with --ike aes128-sha1-modp1024 --ah sha256 --psk-file gw.psk "${STEN[@]}"
	run --separate-stderr initiate_with --ike aes128-sha1-modp1024 --ah sha256 --natt force --remote-id any "${NETS[@]}" \
		-o ah.sa "$R"
	[ "$status" -eq 1 ]
	diff <(printf '%s\n' "ike-initiate: phase 2 (quick mode), message 1 (offers proposals for a child SA): NAT traversal is forced, and AH does not go into UDP" \
		"hint: use ESP (--esp) instead of AH (--ah) behind a NAT: only ESP goes into UDP") <(tail -n 2 <<<"$stderr")
}
