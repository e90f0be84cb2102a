# Part of sapipe: where the files of tunnels are, and what is in them.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

# is_root: the effective user, without another process.
is_root() {
	while read -r key _ user _; do [ "$key" != Uid: ] || break; done </proc/self/status
	[ "$user" = 0 ]
}

# The directory of running tunnels. Namespaces of the network have each their own.
run_dir() {
	if [ -n "${SAPIPE_RUN_DIR:-}" ]; then
		base=$SAPIPE_RUN_DIR
	elif is_root; then
		base=/run/sapipe
	else
		[ -n "${XDG_RUNTIME_DIR:-}" ] || fail 3 'no directory for running tunnels: XDG_RUNTIME_DIR is not set' \
			'set SAPIPE_RUN_DIR, or run sapipe as root'
		base=$XDG_RUNTIME_DIR/sapipe
	fi
	net=$(readlink /proc/self/ns/net) || net='net:[0]'
	net=${net#net:?}
	runs=$base/tunnels.${net%?}
}

# Removes the directories of network namespaces that are gone, with the logs in them.
clean() {
	is_root || return 0
	there=$(readlink /proc/[0-9]*/ns/net | sort -u)
	for dir in "$base"/tunnels.*; do
		[ -d "$dir" ] && [ "$dir" != "$runs" ] || continue
		net="net:[${dir##*.}]"
		printf '%s\n' "$there" | grep -qxF "$net" || grep -qF " $net " /proc/self/mountinfo || in_use "$dir" || rm -rf "$dir"
	done
}

# in_use DIRECTORY: a tunnel of it answers. Its processes may be in a PID namespace that is not seen from here.
in_use() {
	for ctl in "$1"/*/*.ctl; do
		case $ctl in *.ike.ctl) continue ;; esac
		[ ! -S "$ctl" ] || ! sa-stat "$ctl" >/dev/null 2>&1 || return 0
	done
	return 1
}

# make_dir NAME: the directory of a tunnel that is started.
make_dir() {
	why=$( (umask 022 && mkdir -p "$base" && umask 077 && mkdir -p "$runs/$1") 2>&1) && [ -w "$runs/$1" ] && return
	why="cannot make $runs/$1: $(reason "${why:-Permission denied}")"
	is_root && fail 3 "$why"
	fail 3 "$why" 'tunnels are started by root, or set SAPIPE_RUN_DIR'
}

# reason TEXT: the end of a message of the system.
reason() { printf '%s\n' "${1##*: }" | tail -n 1; }

# Names of the tunnels, one a line.
names() {
	for file in "$confs"/*.conf; do
		[ -e "$file" ] || continue
		file=${file##*/}
		printf '%s\n' "${file%.conf}"
	done
}

# use NAME: sets name, conf and at.
use() {
	case $1 in
	'' | .* | -* | */*) fail 2 "'$1' is no name of a tunnel" "it is that of a file in $confs, without .conf" ;;
	esac
	name=$1
	conf=$confs/$1.conf
	at=$runs/$1
}

# may_read: the directory of the files, if there is one.
may_read() {
	[ ! -d "$confs" ] || { [ -r "$confs" ] && [ -x "$confs" ]; } ||
		fail 3 "cannot read $confs: permission denied" 'run sapipe as root, or as a user who may read it'
}

# wants_dir: there is a directory of files, which may be read.
wants_dir() {
	[ -d "$confs" ] || fail 2 "there is no directory $confs" 'make it, and write a file NAME.conf in it for each tunnel'
	may_read
}

# wants_conf: there is a file.
wants_conf() {
	may_read
	[ -e "$conf" ] || fail 2 "there is no $conf" "$(hint_names)"
}

hint_names() {
	known=$(names | tr '\n' ' ')
	if [ -n "$known" ]; then
		echo "there are: ${known% }"
	else
		echo "write a file NAME.conf there: sapipe(8) shows one of eight lines"
	fi
}

# read_conf: sets sections, a line for each: NAME ROLE ADDRESS TUN OPTIONS-OF-ESP-TUN NHRP
# OPTIONS-OF-GRE-TUN OPTIONS-OF-NHRP FAILOVER PROBE PROBE-SOURCE OPTIONS-OF-VPNMON, '-' for none. Says what is wrong with the file.
read_conf() {
	wants_conf
	sections=$(ike-respond --check --peers "$conf" 2>/dev/null)
	rc=$?
	ike-respond --check --peers "$conf" 2>&1 >/dev/null </dev/null |
		sed 's/^ike-respond:/sapipe:/; /^hint: ike-respond --help/d' >&2
	[ $rc = 0 ] || echo 'hint: sapipe(8) describes the file; its keys are the options of the tools' >&2
	return $rc
}
