#!/usr/bin/env bats
# Sessions of our two ends, a negotiation for each ESP proposal there is, over each cipher and hash of IKE in turn: what
# was recorded is opened by tshark with the tables of sa-show, and by our own tools, and they agree.
bats_require_minimum_version 1.5.0
load lib/common
load lib/wire

# 25 pairs of cipher and hash, 3 groups: each proposal of IKE gets three of the ESP proposals.
IKES=({aes128,aes192,aes256,3des,des}-{md5,sha1,sha256,sha384,sha512})
GROUPS_=(modp1024 ecp256 curve25519)

setup_file() {
	export DIR=$BATS_FILE_TMPDIR
	local i
	have_python cbor2 scapy && command -v tshark mergecap >/dev/null &&
		unshare -Urnm true 2>/dev/null || return 0
	umask 077
	cd "$DIR" || return
	printf secret >psk
	"$SAPIPE_TOP/tests/lib/esp_all.py" make .
	awk '{ print $2 }' words | while read -r word; do
		i=$((${i:--1} + 1))
		echo "$((i + 1)) ${IKES[i % 25]}-${GROUPS_[i / 25 % 3]} $word"
	done >sessions
	cat >negotiate <<-'END'
		set -eu
		ip link set lo up
		ip addr add 192.0.2.1/32 dev lo
		ip addr add 192.0.2.2/32 dev lo
		ike-respond --psk-file psk --listen 192.0.2.2 --accept-all-proposals --local-ts 10.2.0.0/24 \
			--remote-ts 10.1.0.0/24 -o r.sa 2>respond.err 3>&- 4>&- & respond=$!
		trap 'kill $respond; wait' EXIT
		for _ in $(seq 600); do ss -Hlun "sport = :500" | grep -q . && break; sleep 0.1; done
		while read -r n ike esp; do
			ike-initiate --psk-file psk --local 192.0.2.1 --ike "$ike" --esp "$esp" --local-ts 10.1.0.0/24 \
				--remote-ts 10.2.0.0/24 --linger 0 --pcap "$n.pcap" -o "$n.sa" 192.0.2.2 || echo "$n $ike $esp" >>failed
		done <sessions
	END
	timeout 600 unshare -Urnm bash negotiate 2>initiate.err || :
	[ -s 1.sa ] || return 0
	"$SAPIPE_TOP/tests/lib/esp_all.py" packets 1.sa clear.pcap
	while read -r i _; do
		esp-tun -q --encrypt clear.pcap "$i.sa" -o "$i.esp"
		echo "$i.pcap" "$i.esp"
	done <sessions | xargs mergecap -a -w all.pcap
	seq "$(wc -l <sessions)" | sed 's/$/.sa/' | xargs cat >all.sa
}

setup() {
	need ike-initiate ike-respond esp-tun sa-show ike-trace
	local tool
	for tool in tshark mergecap; do command -v $tool >/dev/null || skip "no $tool"; done
	have_python cbor2 scapy || skip "no scapy or cbor2"
	unshare -Urnm true 2>/dev/null || skip "no user namespace here"
	cd "$DIR" || return
	# shellcheck disable=SC2034 # lib/wire.bash reads it
	T=$DIR
}

@test "proof: 75 negotiations: each ESP proposal, over each cipher and hash of IKE" {
	[ ! -e failed ] || { cat failed; tail -n 5 initiate.err respond.err; return 1; }
	[ "$(wc -l <sessions)" = 75 ]
	"$SAPIPE_TOP/tests/lib/cddl_check.py" --min 150 all.sa
	# the negotiated proposal is the requested one
	run -0 sa-show --json all.sa
	[ "$(jq -rs 'map(select(.type == "ike-sa") | "\(.proposal.encryption)\(.proposal."key-bits" // "")-\(.proposal.hash)") | unique | length' <<<"$output")" = 25 ]
	[ "$(jq -rs 'map(select(.type == "child-sa") | .proposal | [.encryption, ."key-bits", .integrity, .esn]) | unique | length' <<<"$output")" = 75 ]
}

@test "proof: tshark opens the IKE of each, with the tables of sa-show, as ike-trace does" {
	like_tshark all.pcap all.sa
	# nothing was left closed by either: then they would agree too
	run -0 ike-trace --json --sa all.sa all.pcap
	jq -es 'last | .unopened == 0 and .malformed == 0 and .sas == 75' <<<"$output"
	jq -es 'map(select(.encrypted == true)) | length >= 75 * 5 and all(.hash == "right")' <<<"$output"
	# main mode 5 and 6 and quick mode 1 and 2 begin with ID and HASH behind each other where they were decrypted
	[ "$(cut -d';' -f5 tshark | grep -c '^5,8')" = 150 ]
	[ "$(cut -d';' -f5 tshark | grep -c '^8,1,10,.*5,5')" = 150 ]
}

@test "proof: tshark opens the ESP of each as --decrypt does, packet by packet" {
	run -0 --separate-stderr esp-tun --decrypt all.pcap all.sa -o back.pcap
	stderr_has "600 packets decrypted, 0 not"
	tables all.sa
	inner all.pcap 4 "${TABLES[@]}" -Y esp | cut -f2- >theirs
	inner back.pcap 4 | cut -f2- >ours
	[ "$(wc -l <theirs)" = 600 ]
	# ChaCha20-Poly1305 is the one that it has no word for: the packets of those sessions stay closed
	paste -d '\n' theirs ours | awk 'NR % 2 { a = $0; next } a != $0 { print int((NR / 2 - 1) / 8) + 1 }' | uniq >differ
	[ "$(awk 'NR == FNR { is[$1] = 1; next } $1 in is { print $3 }' differ sessions | xargs)" = "chacha20poly1305 chacha20poly1305-esn" ] || { diff theirs ours; return 1; }
}
