# nm-sapipe-service: nmcli brings tunnels to strongSwan up and down, in left of the lab with a NetworkManager of its own.
# shards: 2

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab
load lib/nm

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

ENDS="local-id=left.lab.example, remote-id=right.lab.example, ike=aes128-sha1-modp2048, esp=aes128-sha1"
LOGIN="auth=xauth-psk, $ENDS, mode-config=yes, xauth-user=labuser, tun=vpn0"

# tools: our processes in the network of left, zombies not counted.
tools() {
	local pid
	for pid in $(ip netns pids "$NS_LEFT"); do
		grep -qs '^State:	Z' "/proc/$pid/status" ||
			tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -E '(ike-initiate|esp-tun|sapipe) '
	done
	return 0
}
no_tools() { [ -z "$(tools)" ]; }
# no_trace: neither processes, device, nor files.
no_trace() { no_tools && lab_tun_gone && [ -z "$(nm_in find /run -maxdepth 1 -name 'nm-sapipe-*' 2>/dev/null)" ]; }
# carries: pings in both directions, which strongSwan has counted.
carries() {
	lab_ping left "$RIGHT_INNER"
	lab_ping right "$LEFT_INNER"
	lab_sas | grep -q '^packets-in=[1-9]' && lab_sas | grep -q '^packets-out=[1-9]'
}
nm_said() { nm_log | grep -qF -- "$1"; }

# address PROFILE: its inner address.
address() { nm_cli -g IP4.ADDRESS connection show "$1" | sed 's|/32$||'; }

@test "nmcli: an XAuth tunnel comes up, carries, has what the gateway assigned, and goes down without a trace" {
	local pid
	lab_up ikev1-xauth-psk
	nm_start
	nm_profile office "$LOGIN, address=$RIGHT_IP" 'psk=lab-psk, xauth-password=labpass'
	run -0 nm_cli connection up office
	LEFT_INNER=$(address office)
	[[ $LEFT_INNER == 10.3.0.* ]]
	run -0 nm_cli connection show office
	grep -qE '^IP4.DNS\[1\]: +10\.2\.0\.1$' <<<"$output"
	grep -qE '^IP4.DOMAIN\[1\]: +lab\.example$' <<<"$output"
	grep -qE '^IP4.ROUTE\[1\]: +dst = 10\.2\.0\.0/24, ' <<<"$output"
	grep -qE '^VPN.BANNER: +Welcome to the lab$' <<<"$output"
	grep -qE '^VPN.VPN-STATE: +5 - VPN connected$' <<<"$output"
	in_left ip route show dev vpn0 | grep -q '^10\.2\.0\.0/24 proto static'
	# the secrets are in no command line and no environment, nor in a file any more
	for pid in $(ip netns pids "$NS_LEFT"); do
		run -1 grep -aqE 'lab-?p(sk|ass)' "/proc/$pid/cmdline"
		run -1 grep -aqE 'lab-?p(sk|ass)' "/proc/$pid/environ"
	done
	run -1 nm_in grep -rqE 'lab-?p(sk|ass)' /run --exclude-dir=netns --exclude-dir=NetworkManager
	carries
	run -0 nm_cli connection down office
	eventually 5 no_trace || { tools; return 1; }
	eventually 5 lab_no_sa
	# and again
	run -0 nm_cli connection up office
	LEFT_INNER=$(address office)
	lab_ping left "$RIGHT_INNER"
	# without NetworkManager there is nobody to end it
	kill -9 "$(cat "$NM_RUN/pid")"
	eventually 10 no_tools || { tools; return 1; }
	lab_tun_gone
}

@test "nmcli: a tunnel by certificates, with an address of its own; a service that is killed takes it along" {
	local pki pid
	lab_up ikev1-rsa
	nm_start
	pki=$(readlink "$LAB_STATE/pki")
	nm_profile site "auth=rsa, $ENDS, address=$RIGHT_IP, cert=$pki/rsa-left.crt, key=$pki/rsa-left.key, ca=$pki/rsa-ca.crt, \
		local-ts=$LEFT_NET, remote-ts=$RIGHT_NET, tun-address=10.1.0.9/32" '' connection.interface-name lab7
	run -0 nm_cli connection up site
	[ "$(address site)" = 10.1.0.9 ]
	in_left ip route show dev lab7 | grep -q '^10\.2\.0\.0/24 proto static'
	LEFT_INNER=10.1.0.9
	carries
	for pid in $(ip netns pids "$NS_LEFT"); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'nm-sapipe-service --bus-name' || kill -9 "$pid"
	done
	eventually 10 no_trace || { tools; return 1; }
	eventually 10 eval '! nm_has site'
}

@test "nmcli: a wrong password, a wrong key, no answer: an end with a cause, and no trace" {
	lab_up ikev1-xauth-psk
	nm_start
	nm_profile office "$LOGIN, address=$RIGHT_IP" 'psk=lab-psk, xauth-password=looking-glass'
	run ! nm_cli connection up office
	output_has 'Invalid secrets'
	nm_said 'nm-sapipe-service: the tunnel is not up: XAuth, message 1 (asks): the gateway rejects user labuser or the password'
	nm_said 'hint: phase 1 is right'
	eventually 5 no_trace
	nm_cli connection modify office vpn.secrets 'psk=thorns, xauth-password=labpass'
	run ! nm_cli connection up office
	output_has 'Invalid secrets'
	nm_said "the two ends' pre-shared keys differ"
	eventually 5 no_trace
	nm_profile nobody "$LOGIN, address=$RIGHT_IP:5000" 'psk=lab-psk, xauth-password=labpass' vpn.timeout 30
	run ! nm_cli connection up nobody
	nm_said 'nm-sapipe-service: the tunnel is not up: phase 1 (main mode), message 1 (offers proposals): 203.0.113.2:5000 is unreachable'
	eventually 5 no_trace
}

@test "nmcli: secrets that are asked for; keys that are not allowed and values that would be lines of the file" {
	lab_up ikev1-xauth-psk
	nm_start
	nm_profile office "$LOGIN, address=$RIGHT_IP, xauth-password-flags=2" 'psk=lab-psk'
	run ! nm_cli connection up office
	output_has "'vpn.secrets.xauth-password'"
	nm_said 'vpn.secrets has no xauth-password: asking for it'
	printf 'vpn.secrets.xauth-password:labpass\n' >"$BATS_TEST_TMPDIR/asked"
	run -0 nm_cli connection up office passwd-file "$BATS_TEST_TMPDIR/asked"
	lab_ping left "$RIGHT_INNER"
	run -0 nm_cli connection down office
	eventually 5 no_trace
	# what would be a command of root, or another key
	refused 'script=touch /run/made' 'script is not a key of this service'
	refused 'xauth-ask=touch /run/made' 'xauth-ask is not a key of this service'
	refused 'cert=own.pem' 'cert is not an absolute path'
	refused 'remote-ts=10.2.0.0/24\nscript = touch /run/made' 'the value of remote-ts is empty or has control characters'
	refused 'remote-ts=10.2.0.0/33' 'remote-ts'
	run -1 nm_in test -e /run/made
	nm_cli connection modify office vpn.secrets 'psk=lab-psk'
	no_trace
}

# refused LINE TEXT: a profile whose file has that line does not come up, and the log says why.
refused() {
	nm_in sh -c "umask 077; printf '%b\n' '[connection]' 'id=bad' 'uuid=5f6d6a5e-0d9b-4c6c-9a55-0b8f2a0a7c02' 'type=vpn' 'autoconnect=false' \
		'[vpn]' 'service-type=org.freedesktop.NetworkManager.sapipe' 'address=$RIGHT_IP' '${1//\\n/\\\\n}' '[vpn-secrets]' 'psk=x' \
		>/etc/NetworkManager/system-connections/bad.nmconnection"
	nm_cli connection load /etc/NetworkManager/system-connections/bad.nmconnection
	run ! nm_cli connection up bad
	nm_said "$2"
}
