#!/usr/bin/env bats
# ESP of every proposal there is, held against implementations that share nothing with ours: tshark, scapy,
# tcpdump, and the kernel's own parser. Each claim goes over all encapsulations and both families,
# inside and outside; an SA for each proposal lies in one state file, so that one run shows all.
# shards: 4
bats_require_minimum_version 1.5.0
load lib/common
load lib/wire

# Name, and what lib/esp_all.py makes of it.
CASES=("raw-4-4 --encap none" "udp-6-in-4 --encap udp --inner 6" "raw-4-in-6 --encap none --outer 6"
	"udp-6-in-6 --encap udp --outer 6 --inner 6")

setup_file() {
	export DIR=$BATS_FILE_TMPDIR/cases
	[ -x "$SAPIPE_BUILD/esp-tun" ] && have_python cbor2 scapy || return 0
	umask 077
	once cases cases
}

# cases: the directory of each.
cases() {
	local c name args
	for c in "${CASES[@]}"; do
		read -r name args <<<"$c"
		mkdir "$name"
		# shellcheck disable=SC2086 # several words
		all make $args "$name"
		(
			cd "$name" || exit
			esp-tun -q --encrypt clear.pcap l.sa -o esp.pcap
			esp-tun -q --decrypt esp.pcap r.sa -o back.pcap
		)
	done
}

setup() {
	need esp-tun sa-show
	have_python cbor2 scapy || skip "no scapy or cbor2"
}

all() { "$SAPIPE_TOP/tests/lib/esp_all.py" "$@"; }

# have PROGRAM: skips aloud without it.
have() { command -v "$1" >/dev/null || skip "no $1"; }

# each FUNCTION: calls it in each case's directory, with the case's name.
each() {
	local c name
	for c in "${CASES[@]}"; do
		name=${c%% *}
		echo "--- $name"
		cd "$DIR/$name" || return
		"$@" "$name" || { echo "that was $name"; return 1; }
	done
}

# same_packets A B [N-M]...: two captures hold the same packets at the same times; comments do not count, and those
# numbers of A are left out. The file header has a length that the writer chose.
same_packets() {
	editcap -F pcap "$1" a.pcap "${@:3}" && editcap -F pcap "$2" b.pcap && cmp -i 24 a.pcap b.pcap
}

# words_of FILE: the proposals whose numbers it has, in one line.
words_of() { awk 'NR == FNR { is[$1] = 1; next } $1 in is { print $2 }' "$1" words | xargs; }

# told NAME TEXT: prints once, on the terminal, what another program lacks.
told() { [ "$1" != "${CASES[0]%% *}" ] || echo "# $2" >&3; }

@test "proof: the proposals of these tests are those of our registry, each that there is" {
	run -0 all registry "$SAPIPE_TOP/libcommon/crypto/alg.c"
	[ "$(wc -l <"$DIR/raw-4-4/words")" = 75 ]
}

@test "proof: --decrypt of the output of --encrypt gives the same packets" {
	have editcap
	each eval same_packets clear.pcap back.pcap \#
}

@test "proof: tshark with the tables of sa-show and --decrypt agree packet by packet, for every proposal that tshark knows" {
	have tshark
	compare() {
		local v=4 lacks unchecked
		[[ $1 != *-6-* ]] || v=6
		tables l.sa
		inner esp.pcap $v "${TABLES[@]}" >theirs
		inner back.pcap $v >ours
		[ "$(wc -l <theirs)" = 600 ] && [ "$(wc -l <ours)" = 600 ] || return
		# proposals of which any packet of the eight differs
		paste -d '\n' theirs ours | awk 'NR % 2 { a = $0; next } { n++ } a != $0 { print int((n - 1) / 8) + 1 }' |
			uniq >differ
		lacks=$(words_of differ)
		told "$1" "tshark has no word for: $lacks"
		[ "$lacks" = "chacha20poly1305 chacha20poly1305-esn" ] || { diff theirs ours; return 1; }
		# ... and the ICV is right, where it checks it
		tshark -n -r esp.pcap "${TABLES[@]}" -o esp.enable_authentication_check:TRUE -T fields -e esp.icv_good 2>/dev/null |
			awk '$1 != 1 { print int((NR - 1) / 8) + 1 }' | uniq >unchecked
		unchecked=$(words_of unchecked | tr ' ' '\n' | grep -v -e chacha -e aesxcbc)
		told "$1" "tshark cannot check the ICV of AES-XCBC, nor with ESN"
		[ "$unchecked" = "aes256gcm16-esn" ]
	}
	each compare
}

NO_SCAPY="no word for: 3des-aesxcbc aes128-aesxcbc aes128ctr-aesxcbc aes192-aesxcbc aes192ctr-aesxcbc aes256-aesxcbc aes256ctr-aesxcbc des-aesxcbc null-aesxcbc"

@test "proof: scapy decrypts the output of --encrypt, for every proposal that scapy knows" {
	opens() {
		run -0 all open l.sa esp.pcap clear.pcap
		told "$1" "scapy has ${output#*; }"
		[ "$output" = "528 packets; $NO_SCAPY" ]
	}
	each opens
}

@test "proof: --decrypt decrypts packets of scapy, for every proposal that scapy knows" {
	have editcap
	takes() {
		local without
		run -0 all seal l.sa clear.pcap scapy.pcap
		[ "$output" = "528 packets; $NO_SCAPY" ]
		run -0 --separate-stderr esp-tun --decrypt scapy.pcap r.sa -o scapy-back.pcap
		stderr_has "528 packets decrypted, 0 not"
		# in order, all packets but those that scapy could not make: eight of each of nine SAs
		mapfile -t without < <(awk '/aesxcbc/ { print $1 * 8 - 7 "-" $1 * 8 }' words)
		[ "${#without[@]}" = 9 ] && same_packets clear.pcap scapy-back.pcap "${without[@]}"
	}
	each takes
}


# lines FILE [OPTION]...: what tcpdump says of each packet, a line each.
lines() {
	tcpdump -Z root -r "$1" -nn -t -v -S "${@:2}" 2>/dev/null | awk '/^ / { sub(/^ */, " "); printf "%s", $0; next }
		{ if (NR > 1) print ""; printf "%s", $0 } END { print "" }'
}

@test "proof: tcpdump with the lines of sa-show reads what --decrypt writes, for every proposal that tcpdump knows" {
	have tcpdump
	reads() {
		local words
		sa-show --format tcpdump l.sa >keys 2>left-out
		[ "$(wc -l <keys)" = 32 ] && [ "$(grep -c "does not support" left-out)" = 59 ] || return
		# of theirs, what comes behind the ESP header of a packet that it could open
		lines esp.pcap -E "file keys" | sed -n 's/.*ESP(spi=[^)]*), length [0-9]*: //p' >theirs
		words=$(awk '/-(md5|sha1|sha256_96|aesxcbc)$/ && /(aes128|aes192|aes256|3des)-/ { print $1 }' words)
		lines back.pcap | awk -v words="$words" 'BEGIN { split(words, w, "\n"); for (i in w) is[w[i]] = 1 }
			int((NR - 1) / 8) + 1 in is' >ours
		[ "$(wc -l <ours)" = 128 ] || return
		told "$1" "tcpdump knows AES-CBC and 3DES with an ICV of 96 bits"
		diff theirs ours
	}
	each reads
}

@test "proof: ip accepts every xfrm line, unless the kernel lacks the algorithm or ESP" {
	have ip
	unshare -Urn ip xfrm state >/dev/null 2>&1 || skip "no XFRM in a namespace of our own here"
	takes() {
		sa-show --format xfrm l.sa >lines
		[ "$(grep -c ' state add ' lines)" = 150 ] && [ "$(grep -c ' policy add ' lines)" = 225 ] || return
		# shellcheck disable=SC2016 # for the inner shell
		unshare -Urn bash -c 'while IFS= read -r line; do
			out=$(eval "$line" 2>&1) && echo "taken" || echo "$line: $out" >&2
		done < <(grep " state add " lines) >taken 2>refused
		sed -n "s/^ip \(.* policy add \)/\1/p" lines >batch
		ip -batch batch && ip xfrm policy | grep -c "^src" >policies' || return
		[ "$(cat policies)" = 225 ] || return
		# every algorithm that the kernel has must have passed: what it misses then is ESP
		grep -v 'Error: Requested type not found' refused >rest || :
		while IFS= read -r line; do
			[[ $line == *"Error: Requested "*" algorithm not found"* ]] || { echo "$line"; return 1; }
			[[ $line != *"'cbc(aes)'"*"CRYPT algorithm"* || $line != *"'hmac("*"AUTH"* ]] || { echo "$line"; return 1; }
		done <rest
		told "$1" "of 150 states this kernel took $(wc -l <taken); $(sed -n 's/.*: Error: //p' refused | sort | uniq -c | xargs)"
	}
	CASES=("${CASES[0]}" "${CASES[3]}")
	each takes
}
