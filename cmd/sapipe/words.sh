# Part of sapipe: help, and what all commands print.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

# A closed standard output is an error of a write, instead of the end of this script.
trap : PIPE

# put TEXT: on standard output, whatever -q says.
put() { printf '%s\n' "$1" 2>/dev/null || unwritten; }

# unwritten: standard output failed. As in the other tools, a reader that closed the pipe early is no news without -v. The
# builtin printf of sh(1) has no reason: that of coreutils writes again, and has one.
unwritten() {
	why='Bad file descriptor'
	{ why=$(env printf '\n' 2>&1 >&3); } 2>/dev/null 3>&1
	[ $? != 141 ] || why='Broken pipe'	# by SIGPIPE
	why=${why##*: }
	[ "$why" != 'Broken pipe' ] || [ "$level" -gt 0 ] || exit 3
	set -- "cannot write to standard output${why:+: $why}"
	[ "$why" != 'No space left on device' ] || fail 3 "$1" 'the disk is full: df shows it'
	fail 3 "$1"
}
say() { [ "$level" -lt 0 ] || put "$1"; }

# complain TEXT [HINT]: with the time where standard error is the log.
complain() {
	now=${logging:+$(date -u '+%Y-%m-%dT%H:%M:%S.%3NZ') }
	printf '%ssapipe: %s\n' "$now" "$1" >&2
	[ $# -lt 2 ] || printf '%shint: %s\n' "$now" "$2" >&2
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
reload	check the file, and let the tunnel read it again
status	print the state of each section of a tunnel
check	check the file of a tunnel
list	print the names of the tunnels
log	print what the tools of a tunnel logged
print	print the pipelines of a tunnel
takeover	become active, of two gateways with one address
standby	follow the other gateway
fit	tell keepalived whether this gateway may take over
records	print the records that the other gateway follows
run	run a tunnel in the foreground, for service managers'

# LONG SHORT ARGUMENT COMMAND TEXT; '*': of all commands
options='--peer	-	-	check	also negotiate with the peers, for a moment
--json	-	-	status	report as JSON, for scripts
--prometheus	-	-	status	print the text format of Prometheus
--watch	-w	-	status	report again and again, until q or a signal
--interval	-i	S	status	seconds between reports (default 2)
--follow	-f	-	log	go on printing as the log grows
--verbose	-v	-	*	print more; may be repeated
--quiet	-q	-	*	print errors and warnings only
--help	-h	-	*	print this help and exit
--version	-V	-	*	print the version and exit'

usage() {
	cat <<-END
		usage: sapipe COMMAND [OPTION]... [NAME]...
		run the tunnels of /etc/sapipe

		Commands:
	END
	printf '%s\n' "$commands" | while IFS=$tab read -r name what; do printf '  %-24s  %s\n' "$name" "$what"; done
	printf '\nArguments:\n  %-24s  %s\n\nOptions:\n' NAME 'tunnel, without .conf (default: all of them)'
	printf '%s\n' "$options" | while IFS=$tab read -r long short arg of what; do
		[ "$long" != --verbose ] || printf '\nCommon options:\n'
		[ "$short" = - ] && short='    ' || short="$short, "
		[ "$arg" = - ] || long="$long $arg"
		[ "$of" = '*' ] || what="[$of] $what"
		printf '  %s%-20s  %s\n' "$short" "$long" "$what"
	done
}

listing() {
	printf '%s\n' "$commands" | while IFS=$tab read -r name what; do printf '%s\t-\t-\t-\t-\t%s\n' "$name" "$what"; done
	printf '%s\n' "$options" | while IFS=$tab read -r long short arg of what; do
		[ "$long" = --verbose ] && often=repeat || often=-
		printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$long" "$short" "$arg" "$of" "$often" "$what"
	done
	printf '<NAME>\t-\tTUNNEL\t*\trepeat\ttunnel, without .conf (default: all of them)\n'
}

letters() { printf '%s' "$1" | fold -w 1 | sort | tr -d '\n'; }

# unknown OPTION: what was meant is what begins like it, or has its letters.
unknown() {
	given=${1%%=*}
	[ "$given" = "$1" ] || ! listing | cut -f 1 | grep -qxF -e "$given" || fail 2 "$given: takes no value" 'sapipe --help lists the options'
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
