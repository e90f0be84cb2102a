# natd-probe of many hosts, and by IKEv2: what each line says is what the host did.
# shards: 2

# shellcheck disable=SC2016,SC2030,SC2031 # inner shells expand; run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

setup() {
	need natd-probe
	T=$BATS_TEST_TMPDIR
}

teardown() {
	lab_teardown
}

probe_left() { ip netns exec "$NS_LEFT" timeout 60 natd-probe "$@"; }

# hosts: right has 203.0.113.3 to .5 too; .4 drops what comes, .5 rejects it.
hosts() {
	local i
	for i in 3 4 5; do ip -n "$NS_RIGHT" addr add "203.0.113.$i/32" dev eth0; done
	in_right nft -f - <<-EOF
		table ip hosts {
			chain in {
				type filter hook input priority 0
				ip daddr 203.0.113.4 udp dport 500 counter drop
				ip daddr 203.0.113.5 udp dport 500 reject with icmp type port-unreachable
			}
		}
	EOF
}

# host ADDR EXPRESSION: so says the object of that host.
host() {
	jq -es "any(.[]; .peer == \"$1\" and ($2))" <<<"$output" >/dev/null || {
		printf 'not so of %s: %s\n%s\n' "$1" "$2" "$output"
		return 1
	}
}

@test "natd-probe: a network, an object each: answers, silence, an ICMP error" {
	lab_up ikev1-aes256-sha256
	hosts
	run -0 --separate-stderr probe_left --json --timeout 2 203.0.113.0/29
	[ "$(jq -s length <<<"$output")" -eq 6 ]
	host 203.0.113.2 '.answered and .ike == 1 and .proposal == "aes256-sha256-modp2048" and .auth == "psk"'
	host 203.0.113.2 '(."vendor-ids" | any(. == "DPD")) and ."rtt-ms" > 0 and (.sent == 1 or ."rtt-ms" > 200)'
	host 203.0.113.3 '.answered and .notify == "NO-PROPOSAL-CHOSEN"'
	host 203.0.113.4 '(.answered | not) and .reason == "no answer" and .sent > 1'
	host 203.0.113.5 '(.answered | not) and .reason == "Connection refused"'
	[[ $stderr == *"natd-probe: 2 of 6 hosts answered"* ]]
	# Nobody else was sent anything beyond the three messages that a silent host gets.
	[[ $(in_right nft list chain ip hosts in) =~ 'counter packets '([0-9]+) ]]
	[ "${BASH_REMATCH[1]}" -le 3 ]
}

@test "natd-probe: a list on standard input, in lines" {
	lab_up ikev1-aes256-sha256
	hosts
	printf '# gateways\n\n 203.0.113.2 # berne\n203.0.113.3-203.0.113.4\n' >"$T/list"
	run -0 --separate-stderr probe_left --timeout 1 - <"$T/list"
	[[ ${lines[0]} =~ ^'203.0.113.2 '.*'IKEv1  aes256-sha256-modp2048 psk'.*' ms'$ ]]
	[ "${#lines[@]}" -eq 3 ]
	output_has "203.0.113.4      no answer"
	# A mistake is named with its line, and nothing is sent.
	printf '203.0.113.2\n203.0.113.2/29\n' >"$T/list"
	run -2 --separate-stderr probe_left - <"$T/list"
	[[ $stderr == *"standard input:2"* ]]
	run -2 --separate-stderr probe_left - </dev/null
	one_error
	run -2 --separate-stderr probe_left --sizes 203.0.113.2 203.0.113.3
	one_error
}

@test "natd-probe: nobody answers: exit status 1" {
	lab_topology
	hosts
	run -1 --separate-stderr probe_left --timeout 0.5 203.0.113.4 203.0.113.5
	[[ $stderr == *"0 of 2 hosts answered"* ]]
}

@test "natd-probe: more than 256 hosts only with --yes" {
	lab_topology
	in_right nft add table ip tally
	in_right nft add chain ip tally in '{ type filter hook prerouting priority 0 ; }'
	in_right nft add rule ip tally in udp dport 500 counter
	run -2 --separate-stderr setsid ip netns exec "$NS_LEFT" timeout 60 natd-probe 10.9.0.0/23
	[[ $stderr == *"510 hosts: more than 256 are asked only with --yes"* ]]
	in_right nft list chain ip tally in | grep 'counter packets 0 '
	run -2 --separate-stderr setsid ip netns exec "$NS_LEFT" timeout 60 natd-probe --yes 10.0.0.0/8
	[[ $stderr == *"more than 65536 hosts"* ]]
}

@test "natd-probe: --rate bounds how many hosts are asked in a second" {
	local begun
	lab_topology
	begun=${EPOCHREALTIME/./}
	run -1 probe_left --rate 10 --timeout 0.2 203.0.113.2 203.0.113.{2,2,2,2,2,2,2,2,2,2}
	[ $((${EPOCHREALTIME/./} - begun)) -ge 1000000 ]
}

@test "natd-probe: --ikev2: what the gateway chose, and a NAT on the way" {
	lab_up --nat ikev2-aes256-sha256
	run -0 --separate-stderr probe_left --ikev2 --json --pcap "$T/v2.pcapng" "$RIGHT_IP"
	host "$RIGHT_IP" '.ike == 2 and .transforms == ["aes-cbc-256", "hmac-sha2-256-128", "prf-hmac-sha2-256", "modp2048"]'
	# It feigns one before itself, since its ESP needs UDP.
	lab_log | grep "remote host is behind NAT"
	host "$RIGHT_IP" '."nat-local" and ."nat-remote"'
	# tshark finds no fault in the IKE_SA_INIT that was sent.
	run -0 --separate-stderr tshark -r "$T/v2.pcapng" -Y 'isakmp.exchangetype == 34 && isakmp.flag_r == 0' -T fields -e isakmp.notify.msgtype
	[ "$output" = 16388,16389 ]
	run -0 --separate-stderr tshark -r "$T/v2.pcapng" -Y '_ws.malformed || _ws.expert.severity >= 0x600000'
	[ -z "$output" ]
	run -0 --separate-stderr probe_left --ikev2 "$RIGHT_IP"
	output_has "IKEv2  aes-cbc-256"
	output_has "a NAT before this end, a NAT before the peer (or it feigns one)"
}

@test "natd-probe: --ikev2: no NAT on the way, where only the gateway feigns one" {
	lab_up ikev2-aes256-sha256
	run -0 --separate-stderr probe_left --ikev2 --json "$RIGHT_IP"
	lab_log | grep "faking NAT situation to enforce UDP encapsulation"
	host "$RIGHT_IP" '(."nat-local" | not) and ."nat-remote"'
}

@test "natd-probe: --ikev2: refusals, and a peer of IKEv1 only" {
	lab_up ikev2-3des-md5
	run -0 --separate-stderr probe_left --ikev2 --json "$RIGHT_IP"
	host "$RIGHT_IP" '.ike == 2 and .notify == "NO_PROPOSAL_CHOSEN"'
	"$LAB/strongswan.sh" load ikev2-gcm-ecp256
	run -0 --separate-stderr probe_left --ikev2 --json "$RIGHT_IP"
	host "$RIGHT_IP" '.ike == 2 and .notify != null'
	# The list asks for IKEv2 after IKEv1.
	run -0 --separate-stderr probe_left --json "$RIGHT_IP" "$RIGHT_IP"
	host "$RIGHT_IP" '.answered'
	"$LAB/strongswan.sh" stop
	lab_start respond right "ike-respond --psk-file $PSK --remote-id any --local-ts 10.2.0.0/24"
	eventually 5 eval 'in_right ss -Hlun "sport = :500" | grep -c . >/dev/null'
	run -1 --separate-stderr probe_left --ikev2 --timeout 1 "$RIGHT_IP"
	output_has "no answer"
}
