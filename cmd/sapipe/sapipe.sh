#!/bin/sh
# sapipe: runs the tunnels of /etc/sapipe/NAME.conf. Each tunnel is one or more pipelines of the other tools:
#
#   ike-initiate --keep --peers NAME.conf SECTION | esp-tun --tun vpn0      for each section with role = initiator
#   ike-respond --peers NAME.conf | esp-tun --tun vpn0                      for all sections with role = responder
#   vpnmon --group GROUP --tun vpn0 --tun vpn1 ...                          for each failover group
#   nhrp-serve | gre-tun                                                    for a section with nhrp-role = hub
#
# and nhrp-register in front of ike-initiate, and gre-tun behind esp-tun --pass, for one with nhrp-role = spoke.
#
# Files of a running tunnel, in $XDG_RUNTIME_DIR/sapipe or, for root, in /run/sapipe, below tunnels.NAMESPACE/NAME:
#
#   lock            held by up and down
#   log             what the tools write to standard error; log.1: that of the time before
#   ID.ike, ID.tun  process ID and start time of the two tools of pipeline ID: a section, @responder, SECTION.hub or
#                   @monitor.GROUP, which has one tool
#   ID.nhrp, ID.gre  the same of the others of a spoke
#   ID.sh           the same of the shell that waits for them
#   ID.ike.exit, ID.tun.exit   their exit status
#   ID.up           made when the pipeline was ready
#   run             the same of the shell of sapipe run, where that did not become a tool
#   ID.ctl          control socket of esp-tun, for sa-stat
#   ID.prom         metrics of vpnmon
#   ID.follow, ID.follower     of two gateways: what the other one writes, and the process that asks for it
#   ID.share, ID.active        socket on which the other one reads records; this one has taken over
#   ID.state        of two gateways: inactive, ready or active, for vpnmon, and whether keepalived may elect this one
#   wanted          which of takeover and standby was called last, and when
#   ID.ike.ctl      the same of ike-initiate or ike-respond, for sa-stat --ike
set -u
umask 077
export LC_ALL=C

# Without another process, where that does: takeover has no time for one.
self=$0
case $self in
/*) [ ! -L "$self" ] || self=$(readlink -f "$self") ;;
*) self=$(readlink -f "$self") ;;
esac
here=${self%/*}
# The tools that lie beside this script, if there are some.
[ ! -x "$here/ike-respond" ] || PATH=$here:$PATH

# The parts of this script: beside it where it was built, else where make install puts them.
parts=$here/sapipe.d
[ -d "$parts" ] || parts=/usr/local/share/sapipe
# shellcheck source=words.sh
. "$parts/words.sh"
# shellcheck source=files.sh
. "$parts/files.sh"
# shellcheck source=pipelines.sh
. "$parts/pipelines.sh"
# shellcheck source=updown.sh
. "$parts/updown.sh"
# shellcheck source=status.sh
. "$parts/status.sh"
# shellcheck source=check.sh
. "$parts/check.sh"
# shellcheck source=standby.sh
. "$parts/standby.sh"

confs=${SAPIPE_CONF_DIR:-/etc/sapipe}
level=0		# of -v and -q
verbose=''	# the same as option of the tools
quiet=''
follow=''
peer=''
json=''
prometheus=''
watch=''
interval=''
logging=''	# standard error is the log of a tunnel
tab=$(printf '\t')

case ${1-} in
.tool | .pipeline | .follower)	# of this script, see start()
	command=${1#.}
	shift
	"$command" "$@"
	exit
	;;
.again)	# of vpnmon: NAME MONITOR
	run_dir
	use "$2"
	# vpnmon of a service has its standard error.
	[ -e "$at/run" ] || { exec 2>>"$at/log"; logging=1; }
	exec 6>&2
	again "$3" >&2
	exit
	;;
esac

command=''
chosen=''
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) put "$(usage)"; exit 0 ;;
	-V | --version) put "$(ike-respond --version | sed 's/^ike-respond/sapipe/')"; exit 0 ;;
	--list-options) put "$(listing)"; exit 0 ;;
	-v | --verbose) level=$((level + 1)) verbose="$verbose -v" ;;
	-vv) level=$((level + 2)) verbose="$verbose -vv" ;;
	-q | --quiet) once --quiet "$quiet"; quiet=1 level=-1 verbose=' -q' ;;
	--peer) once --peer "$peer"; peer=1 ;;
	--json) once --json "$json"; json=1 ;;
	--prometheus) once --prometheus "$prometheus"; prometheus=1 ;;
	-w | --watch) once --watch "$watch"; watch=1 ;;
	-i | --interval)
		once --interval "$interval"
		[ $# -gt 1 ] || fail 2 "$1 needs a value, S"
		interval=$2
		shift
		;;
	--interval=*) once --interval "$interval"; interval=${1#*=} ;;
	-f | --follow) once --follow "$follow"; follow=1 ;;
	-*) unknown "$1" ;;
	*)
		if [ -z "$command" ]; then
			command=$1
		else
			case $1 in *[!A-Za-z0-9._@-]* | '') fail 2 "'$1' is no name of a tunnel" ;; esac
			chosen="$chosen $1"
		fi
		;;
	esac
	shift
done
[ -n "$command" ] || fail 2 'no command given' 'sapipe --help lists the commands'
# Without another process: takeover has no time for one.
case "
$commands" in
*"
$command$tab"*) ;;
*) fail 2 "unknown command $command" 'sapipe --help lists the commands' ;;
esac
[ -z "$follow" ] || [ "$command" = log ] || fail 2 '--follow is for log'
[ -z "$peer" ] || [ "$command" = check ] || fail 2 '--peer is for check'
for option in ${json:+--json} ${prometheus:+--prometheus} ${watch:+--watch}; do
	[ "$command" = status ] || fail 2 "$option is for status"
done
[ -z "$prometheus" ] || [ -z "$json$watch" ] || fail 2 '--prometheus excludes --json and --watch'
[ -z "$interval" ] || [ -n "$watch" ] || fail 2 '--interval is for --watch'
interval=${interval:-2}
case $interval in
*[!0-9]* | '' | ??????*) fail 2 "--interval: '$interval' is no number of seconds from 1 to 86400" ;;
esac
[ "$interval" -ge 1 ] && [ "$interval" -le 86400 ] || fail 2 "--interval: '$interval' is no number of seconds from 1 to 86400"
case ${SAPIPE_LOG_FORMAT-} in
'') ;;
text | json | journal | time) verbose="$verbose --log-format $SAPIPE_LOG_FORMAT" ;;
*) fail 2 "SAPIPE_LOG_FORMAT: '$SAPIPE_LOG_FORMAT' is none of text, json, journal and time" ;;
esac
runs=''
case $command in list | check) ;; *) run_dir ;; esac
if [ "$command" = list ]; then
	wants_dir
	[ -z "$chosen" ] || fail 2 'list has no NAME' 'sapipe status prints the state of one tunnel'
	known=$(names)
	[ -z "$known" ] || put "$known"
	exit 0
fi
if [ -z "$chosen" ]; then
	wants_dir
	chosen=$(names)
	[ -n "$chosen" ] || fail 2 "there is no tunnel in $confs" "$(hint_names)"
	[ "$command" != run ] || [ "$(printf '%s\n' "$chosen" | wc -l)" -eq 1 ] || fail 2 'run which tunnel?' "$(hint_names)"
fi
if [ "$command" = status ]; then
	# shellcheck disable=SC2086 # names
	if [ -n "$watch" ]; then watch $chosen; else status $chosen; fi
	exit
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
	(trap : PIPE && use "$one" && "$command")
	rc=$?
	[ $rc -le $worst ] || worst=$rc
done
exit $worst
