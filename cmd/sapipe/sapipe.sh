#!/bin/sh
# sapipe: runs the tunnels of /etc/sapipe/NAME.conf. Each tunnel is one or more pipelines of the other tools:
#
#   ike-initiate --keep --peers NAME.conf SECTION | esp-tun --tun vpn0      for each section with role = initiator
#   ike-respond --peers NAME.conf | esp-tun --tun vpn0                      for all sections with role = responder
#
# Files of a running tunnel, in $XDG_RUNTIME_DIR/sapipe or, for root, in /run/sapipe, below tunnels.NAMESPACE/NAME:
#
#   lock            held by up and down
#   log             what the tools write to standard error; log.1: that of the time before
#   ID.ike, ID.tun  process ID and start time of the two tools of pipeline ID: a section, or @responder
#   ID.sh           the same of the shell that waits for them
#   ID.ike.exit, ID.tun.exit   their exit status
#   ID.up           made when the pipeline was ready
#   ID.ctl          control socket of esp-tun, for sa-stat
set -u
umask 077
export LC_ALL=C

# The tools that lie beside this script, if there are some.
self=$0
case $self in
*/*) [ ! -x "${self%/*}/ike-respond" ] || PATH=$(cd "${self%/*}" && pwd):$PATH ;;
esac

confs=${SAPIPE_CONF_DIR:-/etc/sapipe}
level=0		# of -v and -q
verbose=''	# the same as option of the tools
quiet=''
follow=''
peer=''
json=''
tab=$(printf '\t')

# ---- what people read

# put TEXT: on standard output, whatever -q says.
put() { printf '%s\n' "$1" 2>/dev/null || fail 3 'cannot write to standard output'; }
say() { [ "$level" -lt 0 ] || put "$1"; }

# complain TEXT [HINT]
complain() {
	printf 'sapipe: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
}

# fail STATUS TEXT [HINT]
fail() {
	status=$1
	shift
	complain "$@"
	exit "$status"
}

commands='up	start a tunnel; end when it carries traffic
down	stop a tunnel
restart	check the file, then stop and start the tunnel
status	print the state of each section of a tunnel
check	check the file of a tunnel
list	print the names of the tunnels
log	print what the tools of a tunnel logged
print	print the pipelines of a tunnel
run	run a tunnel in the foreground, for service managers'

usage() {
	cat <<-END
		usage: sapipe COMMAND [OPTION]... [NAME]...
		run the tunnels of /etc/sapipe

		Commands:
	END
	printf '%s\n' "$commands" | while IFS=$tab read -r name what; do printf '  %-24s  %s\n' "$name" "$what"; done
	cat <<-END

		Arguments:
		  NAME                      tunnel, without .conf (default: all of them)

		Options:
		      --peer                also negotiate with the peers, for a moment [check]
		      --json                report as JSON, for scripts [status]
		  -f, --follow              go on printing as the log grows [log]

		Common options:
		  -v, --verbose             print more; may be repeated
		  -q, --quiet               print errors and warnings only
		  -h, --help                print this help and exit
		  -V, --version             print the version and exit
	END
}

listing() {
	printf '%s\n' "$commands" | while IFS=$tab read -r name what; do printf '%s\t-\t-\t-\t-\t%s\n' "$name" "$what"; done
	printf '%s\t%s\t-\t%s\t%s\t%s\n' --peer - check - 'also negotiate with the peers, for a moment' \
		--json - status - 'report as JSON, for scripts' --follow -f log - 'go on printing as the log grows' \
		--verbose -v '*' repeat 'print more; may be repeated' --quiet -q '*' - 'print errors and warnings only' \
		--help -h '*' - 'print this help and exit' --version -V '*' - 'print the version and exit'
	printf '<NAME>\t-\tTUNNEL\t*\trepeat\ttunnel, without .conf (default: all of them)\n'
}

letters() { printf '%s' "$1" | fold -w 1 | sort | tr -d '\n'; }

# unknown OPTION: what was meant is what begins like it, or has its letters.
unknown() {
	given=${1%%=*}
	meant=$(listing | cut -f 1 | while read -r option; do
		case $option in
		--*) case $option in "$given"*) echo "$option" ;; *) [ "$(letters "$option")" != "$(letters "$given")" ] || echo "$option" ;; esac ;;
		esac
	done | head -n 1)
	hint='sapipe --help lists the options'
	[ -z "$meant" ] || hint="did you mean $meant?"
	fail 2 "unknown option $given" "$hint"
}

# once OPTION GIVEN: an option that is there already, if GIVEN is not empty.
once() { [ -z "$2" ] || fail 2 "$1: given twice"; }

# ---- files

# The directory of running tunnels. Namespaces of the network have each their own.
run_dir() {
	if [ -n "${SAPIPE_RUN_DIR:-}" ]; then
		base=$SAPIPE_RUN_DIR
	elif [ "$(id -u)" = 0 ]; then
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

make_dir() {
	(umask 022 && mkdir -p "$base") 2>/dev/null && mkdir -p "$runs/$1" && [ -w "$runs/$1" ] ||
		fail 3 "cannot make $runs/$1" 'tunnels are started by root'
}

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

# wants_conf: there is a file.
wants_conf() {
	[ -e "$conf" ] || fail 2 "there is no $conf" "$(hint_names)"
}

hint_names() {
	known=$(names | tr '\n' ' ')
	if [ -n "$known" ]; then
		echo "there are: ${known% }"
	else
		echo "$confs has no tunnels; sapipe(8) shows a file of eight lines"
	fi
}

# read_conf: sets sections, a line for each: NAME ROLE ADDRESS TUN OPTIONS-OF-ESP-TUN. Says what is wrong with the file.
read_conf() {
	wants_conf
	sections=$(ike-respond --check --peers "$conf" 2>/dev/null)
	rc=$?
	ike-respond --check --peers "$conf" 2>&1 >/dev/null </dev/null |
		sed 's/^ike-respond:/sapipe:/; /^hint: ike-respond --help/d' >&2
	[ $rc = 0 ] || echo 'hint: sapipe(8) describes the file; its keys are the options of the tools' >&2
	return $rc
}

# ---- pipelines

# A word of a shell's command line.
quote() {
	case $1 in
	*[!A-Za-z0-9_./:,@%+-]* | '') printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
	*) printf '%s' "$1" ;;
	esac
}

# pipelines: a line for each: ID ROLE IKE-COMMAND TUN-COMMAND.
pipelines() {
	printf '%s\n' "$sections" | {
		responder=''
		while IFS=$tab read -r section role _ _ words; do
			[ "$words" != - ] || words=''
			if [ "$role" = initiator ]; then
				id=$section
				ike="ike-initiate$verbose --keep --timeout 10 --peers $(quote "$conf") $section"
			elif [ -z "$responder" ]; then
				responder=1
				id=@responder
				ike="ike-respond$verbose --peers $(quote "$conf")"
			else
				continue
			fi
			printf '%s\t%s\t%s\t%s\n' "$id" "$role" "$ike" \
				"esp-tun$verbose${words:+ $words} --control $(quote "$at/$id.ctl")"
		done
	}
}

# mark FILE: writes down which process this is. The start time makes the number unique.
mark() {
	file=$1
	read -r stat <"/proc/$$/stat"
	# shellcheck disable=SC2086 # into fields
	set -- ${stat##*) }
	shift 19
	echo "$$ $1" >"$file"
}

# tool FILE COMMAND: becomes the tool.
tool() {
	mark "$1"
	eval "exec $2"
}

# pipeline FILES IKE-COMMAND TUN-COMMAND: runs it, and writes down how each tool ended.
pipeline() {
	mark "$1.sh"
	{
		sh "$self" .tool "$1.ike" "$2"
		echo $? >"$1.ike.exit"
	} | {
		sh "$self" .tool "$1.tun" "$3"
		echo $? >"$1.tun.exit"
	}
}

# alive FILE: the process that it names runs; sets pid.
alive() {
	pid=''
	[ -f "$1" ] && read -r pid start <"$1"
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
	# shellcheck disable=SC2086 # into fields
	set -- ${stat##*) }
	[ "$1" != Z ] && [ "${20}" = "$start" ]
}

# end FILE SIGNAL TENTHS: sends the signal, waits for the end.
end() {
	alive "$1" || return 0
	kill "-$2" "$pid" 2>/dev/null
	left=$3
	while alive "$1"; do
		[ "$left" -gt 0 ] || return 1
		left=$((left - 1))
		sleep 0.1
	done
}

# stop ID: the negotiator first, which sends deletes; then esp-tun.
stop() {
	for half in ike tun; do
		end "$at/$1.$half" TERM 50 || end "$at/$1.$half" KILL 20 ||
			complain "process $pid does not end: $name $1"
	done
	# It has to write how they ended.
	left=30
	while alive "$at/$1.sh" && [ "$left" -gt 0 ]; do
		left=$((left - 1))
		sleep 0.1
	done
	rm -f "$at/$1".ike "$at/$1".tun "$at/$1".sh "$at/$1".ike.exit "$at/$1".tun.exit "$at/$1".ready "$at/$1".records "$at/$1".up "$at/$1".ctl
}

# ids: the pipelines that were started.
ids() {
	for file in "$at"/*.ike "$at"/*.tun; do
		[ -e "$file" ] || continue
		file=${file##*/}
		printf '%s\n' "${file%.*}"
	done | sort -u
}

stop_all() {
	for id in $(ids); do stop "$id"; done
}

# ended ID: the exit status of a pipeline whose tools have ended, by the one that failed first.
ended() {
	ike=3 tun=3
	[ ! -s "$at/$1.ike.exit" ] || read -r ike <"$at/$1.ike.exit"
	[ ! -s "$at/$1.tun.exit" ] || read -r tun <"$at/$1.tun.exit"
	# ike-initiate ends with 3 when esp-tun has ended before; esp-tun with 1 when nothing came from ike-initiate
	case $ike,$tun in
	0,* | 3,[234]*) echo "$tun" ;;
	*) echo "$ike" ;;
	esac
}

# The lines of the log since the start, without what esp-tun says of the end of its input.
show_log() {
	sed '/^esp-tun: the input ended without a child SA/{N;/\nhint:/d;s/.*\n//;}' "$at/log" >&2
}

# start ID ROLE IKE-COMMAND TUN-COMMAND: until it is ready. Returns the exit status of what failed.
start() {
	id=$1 ike=$3 tun=$4
	if [ "$2" = initiator ]; then
		tun="$tun --ready-fd 9"
		ike="$ike 9>&-"
	else
		ike="$ike --ready-fd 9"
		tun="$tun 9>&-"
	fi
	rm -f "$at/$id.ready"
	mkfifo "$at/$id.ready" || return 3
	setsid sh "$self" .pipeline "$at/$id" "$ike" "$tun" 9>"$at/$id.ready" 8>&- 7<&- </dev/null >>"$at/log" 2>&1 &
	if read -r _ <"$at/$id.ready"; then
		rm -f "$at/$id.ready"
		# A responder may listen before there is a device.
		until [ -S "$at/$id.ctl" ] && sa-stat "$at/$id.ctl" >/dev/null 2>&1; do
			[ ! -e "$at/$id.tun.exit" ] || return "$(ended "$id")"
			sleep 0.05
		done
		: >"$at/$id.up"
		return 0
	fi
	wait $!
	return "$(ended "$id")"
}

# is_up ID: both tools run.
is_up() { alive "$at/$1.ike" && alive "$at/$1.tun"; }

lock() {
	make_dir "$name"
	exec 8>"$at/lock"
	flock 8
}

up() {
	read_conf || return
	lock
	lines=$(pipelines)
	# What runs and is not in the file any more.
	for id in $(ids); do
		printf '%s\n' "$lines" | grep -q "^$id$tab" || stop "$id"
	done
	running=1
	for id in $(printf '%s\n' "$lines" | cut -f 1); do
		is_up "$id" || running=''
	done
	[ -z "$running" ] || { say "$name is up already"; return 0; }
	[ ! -e "$at/log" ] || mv -f "$at/log" "$at/log.1"
	: >"$at/log"
	trap 'stop_all; exit 1' INT TERM HUP
	worst=0
	exec 7<<-END
		$lines
	END
	while IFS=$tab read -r id role ike tun <&7; do
		is_up "$id" && continue
		stop "$id"
		start "$id" "$role" "$ike" "$tun" && continue
		rc=$?
		[ "$rc" -le "$worst" ] || worst=$rc
		stop "$id"
	done
	exec 7<&-
	trap - INT TERM HUP
	if [ "$worst" != 0 ]; then
		show_log
		complain "$name is not up"
		return "$worst"
	fi
	[ "$level" -lt 1 ] || show_log
	say "$name is up"
}

down() {
	if [ ! -d "$at" ]; then
		[ -e "$conf" ] || wants_conf
		say "$name is down"
		return 0
	fi
	lock
	stop_all
	say "$name is down"
}

restart() {
	read_conf || return
	(down >/dev/null) && up
}

# ---- reports

# In words: 4.1 MB.
amount() {
	if [ "$1" -lt 1000 ]; then
		echo "$1 B"
	elif [ "$1" -lt 1000000 ]; then
		echo "$(($1 / 1000)).$(($1 % 1000 / 100)) kB"
	elif [ "$1" -lt 1000000000 ]; then
		echo "$(($1 / 1000000)).$(($1 % 1000000 / 100000)) MB"
	else
		echo "$(($1 / 1000000000)).$(($1 % 1000000000 / 100000000)) GB"
	fi
}

# Seconds in words: 2h13m.
period() {
	if [ "$1" -ge 86400 ]; then
		echo "$(($1 / 86400))d$(($1 % 86400 / 3600))h"
	elif [ "$1" -ge 3600 ]; then
		echo "$(($1 / 3600))h$(($1 % 3600 / 60))m"
	elif [ "$1" -ge 60 ]; then
		echo "$(($1 / 60))m$(($1 % 60))s"
	else
		echo "$1s"
	fi
}

# look ID ROLE SECTION: sets state to up, listening, connecting or down, report to that of sa-stat, and since.
look() {
	report='' state=down
	! is_up "$1" || report=$(sa-stat --json "$at/$1.ctl" 2>/dev/null)
	[ -n "$report" ] || return
	since=$(stat -c %Y "$at/$1.up" 2>/dev/null) || since=$(date +%s)
	if printf '%s\n' "$report" | grep -q "\"name\": *\"$3\""; then
		state=up
	elif [ "$2" = responder ]; then
		state=listening
	else
		state=connecting
	fi
}

# traffic ID: bytes in and out of the device.
traffic() {
	sa-stat "$at/$1.ctl" 2>/dev/null |
		sed -n 's/^in [0-9]* packets, \([0-9]*\) bytes; out [0-9]* packets, \([0-9]*\) bytes$/\1 \2/p'
}

# A section as a line, and as a JSON object.
as_text() {
	case $state in
	up)
		# shellcheck disable=SC2046 # two numbers
		set -- "$1" $(traffic "$1")
		say "$section $tun $address UP $(period $(($(date +%s) - since))), in $(amount "${2:-0}") out $(amount "${3:-0}")"
		;;
	connecting) say "$section $tun $address down, connecting" ;;
	*) say "$section $tun $address $state" ;;
	esac
}

as_json() {
	[ "$address" = - ] && address=null || address="\"$(printf '%s' "$address" | sed 's/[\\"]/\\&/g')\""
	[ "$tun" = - ] && tun=null || tun="\"$(printf '%s' "$tun" | sed 's/[\\"]/\\&/g')\""
	put "{\"tunnel\": \"$name\", \"section\": \"$section\", \"role\": \"$role\", \"address\": $address, \"tun\": $tun, \"state\": \"$state\"${report:+, \"since\": $since}, \"stat\": ${report:-null}}"
}

status() {
	wants_conf
	if ! sections=$(ike-respond --check --peers "$conf" 2>/dev/null); then
		complain "$conf has mistakes" "sapipe check $name"
		return 2
	fi
	down=0
	while IFS=$tab read -r section role address tun _; do
		id=$section
		[ "$role" = initiator ] || id=@responder
		look "$id" "$role" "$section"
		case $state in down | connecting) down=1 ;; esac
		if [ -n "$json" ]; then as_json; else as_text "$id"; fi
	done <<-END
		$sections
	END
	return $down
}

check() {
	read_conf || return
	say "$conf: no mistakes"
	[ -z "$peer" ] || ask_peers
}

# Negotiates with each peer, and deletes the SAs at once.
ask_peers() {
	worst=0
	while IFS=$tab read -r section role address _; do
		[ "$role" = initiator ] || continue
		if ike-initiate --look --timeout 10 --peers "$conf" "$section" </dev/null >/dev/null; then
			say "$section: $address accepts it"
			continue
		else
			rc=$?
		fi
		[ "$rc" -le "$worst" ] || worst=$rc
	done <<-END
		$sections
	END
	return $worst
}

# print: the pipelines, for a shell. up adds --ready-fd, to know when the tunnel carries traffic.
print() {
	read_conf || return
	pipelines | while IFS=$tab read -r _ _ ike tun; do printf '%s | %s\n' "$ike" "$tun"; done
}

log() {
	[ -e "$at/log" ] || fail 1 "$name has no log: it was not started"
	[ -z "$follow" ] || exec tail -n +1 -F "$at/log"
	cat "$at/log"
}

# run: becomes the tool that says when the tunnel is ready, the other one runs beside it: a service manager ends both.
run() {
	read_conf || return
	lines=$(pipelines)
	[ "$(printf '%s\n' "$lines" | wc -l)" -eq 1 ] ||
		fail 2 "$conf has more than one pipeline" 'run wants one: give each initiator a file of its own'
	lock
	stop_all
	IFS=$tab read -r id role ike tun <<-END
		$lines
	END
	mkfifo "$at/$id.records" || fail 3 "cannot make $at/$id.records"
	tun="$tun --end-with-input"
	: >"$at/$id.up"
	if [ "$role" = initiator ]; then
		(unset NOTIFY_SOCKET && exec sh "$self" .tool "$at/$id.ike" "$ike >$(quote "$at/$id.records")" 8>&-) &
		tool "$at/$id.tun" "$tun <$(quote "$at/$id.records") 8>&-"
	else
		(unset NOTIFY_SOCKET && exec sh "$self" .tool "$at/$id.tun" "$tun <$(quote "$at/$id.records")" 8>&-) &
		tool "$at/$id.ike" "$ike >$(quote "$at/$id.records") 8>&-"
	fi
}

# ---- the command line

case ${1-} in
.tool | .pipeline)	# of this script, see start()
	command=${1#.}
	shift
	"$command" "$@"
	exit
	;;
esac

command=''
chosen=''
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) put "$(usage)"; exit 0 ;;
	-V | --version) put "$(ike-respond --version | sed 's/^ike-respond/sapipe/')"; exit 0 ;;
	--list-options) listing; exit 0 ;;
	-v | --verbose) level=$((level + 1)) verbose="$verbose -v" ;;
	-vv) level=$((level + 2)) verbose="$verbose -vv" ;;
	-q | --quiet) once --quiet "$quiet"; quiet=1 level=-1 verbose=' -q' ;;
	--peer) once --peer "$peer"; peer=1 ;;
	--json) once --json "$json"; json=1 ;;
	-f | --follow) once --follow "$follow"; follow=1 ;;
	-*) unknown "$1" ;;
	*)
		if [ -z "$command" ]; then
			command=$1
		else
			case $1 in *[!A-Za-z0-9._@-]*) fail 2 "'$1' is no name of a tunnel" ;; esac
			chosen="$chosen $1"
		fi
		;;
	esac
	shift
done
[ -n "$command" ] || fail 2 'no command given' 'sapipe --help lists the commands'
printf '%s\n' "$commands" | cut -f 1 | grep -qxF -e "$command" ||
	fail 2 "unknown command $command" 'sapipe --help lists the commands'
[ -z "$follow" ] || [ "$command" = log ] || fail 2 '--follow is for log'
[ -z "$peer" ] || [ "$command" = check ] || fail 2 '--peer is for check'
[ -z "$json" ] || [ "$command" = status ] || fail 2 '--json is for status'
run_dir
if [ "$command" = list ]; then
	[ -d "$confs" ] || fail 2 "there is no directory $confs" 'make it, and write a file NAME.conf in it for each tunnel'
	names
	exit 0
fi
if [ -z "$chosen" ]; then
	chosen=$(names)
	[ -n "$chosen" ] || fail 2 "there is no tunnel in $confs" "$(hint_names)"
	[ "$command" != run ] || [ "$(printf '%s\n' "$chosen" | wc -l)" -eq 1 ] || fail 2 'run which tunnel?' "$(hint_names)"
fi
# One alone in this process, which gets the signals.
# shellcheck disable=SC2086 # names
set -- $chosen
if [ $# -eq 1 ]; then
	use "$1" && "$command"
	exit
fi
worst=0
for one; do
	# Of its own, so that one that fails does not keep the others down.
	(use "$one" && "$command")
	rc=$?
	[ $rc -le $worst ] || worst=$rc
done
exit $worst
