# Part of sapipe: the pipeline of each section, and the processes that run it.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

# A word of a shell's command line.
quote() {
	case $1 in
	*[!A-Za-z0-9_./:,@%+-]* | '') printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
	*) printf '%s' "$1" ;;
	esac
}

# pipelines: a line for each: ID ROLE IKE-COMMAND TUN-COMMAND NHRP-COMMAND GRE-COMMAND FAILOVER, '-' for none. Roles:
#   initiator, responder   ike-* | esp-tun
#   initiator, of a spoke  nhrp-register | ike-initiate | esp-tun --pass | gre-tun
#   hub                    nhrp-serve | gre-tun
#   monitor                vpnmon
pipelines() {
	seen=''
	while IFS=$tab read -r section role address _ words nhrp gre of_nhrp failover _; do
		id=$section register=- other=- pass=''
		[ "$words" != - ] && words=" $words" || words=''
		[ "$of_nhrp" != - ] && of_nhrp=" $of_nhrp" || of_nhrp=''
		if [ "$nhrp" != - ]; then
			# Both tools name the device, and NHRP has the address without its prefix.
			device=$(word --tun "$gre")
			own=$(word --address "$gre")
			own=${own%/*}
		fi
		if [ "$failover" != - ]; then
			seen="$seen $failover"
			# The first member has the lowest metric.
			n=$(printf '%s\n' $seen | grep -cxF "$failover")
			[ -n "$(word --metric "$words")" ] || words="$words --metric $((10 * n))"
		fi
		if [ "$role" = initiator ]; then
			ike="ike-initiate$verbose --keep --timeout 10 --peers $(quote "$conf") --control $(quote "$at/$id.ike.ctl")"
			if [ "$nhrp" = spoke ]; then
				register="nhrp-register$verbose --keep --shortcut$of_nhrp --tun $device --address $own $address"
				ike="$ike --bindings -"
				pass=' --pass'
				other="gre-tun$verbose $gre --require-sa --end-with-input"
			fi
			ike="$ike $section"
		else
			[ "$nhrp" != hub ] || line "$section.hub" hub "nhrp-serve$verbose --redirect$of_nhrp --tun $device --address $own" \
				"gre-tun$verbose $gre --end-with-input" - - -
			case " $seen " in *' @responder '*) continue ;; esac
			seen="$seen @responder"
			id=@responder
			ike="ike-respond$verbose --peers $(quote "$conf") --control $(quote "$at/$id.ike.ctl")"
			! is_shared || words="$words --standby" \
				ike="$ike --standby --records $(quote "$at/$id.share") --standby-state $(quote "$at/$id.state") <$(quote "$at/$id.follow")"
		fi
		line "$id" "$role" "$ike" "esp-tun$verbose$words$pass --control $(quote "$at/$id.ctl")" "$register" "$other" "$failover"
	done <<-END
		$sections
	END
	for group in $(groups); do
		line "@monitor.$group" monitor "$(monitor "$group")" - - - "$group"
	done
}

# timed: the messages of the tools go to the log, where they need their times.
timed() { [ -n "${SAPIPE_LOG_FORMAT-}" ] || verbose="$verbose --log-format time"; }

# groups: the failover groups, in the order of the file.
groups() { printf '%s\n' "$sections" | cut -f 9 | awk '$0 != "-" && !seen[$0]++'; }

line() { printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@"; }

# word OPTION WORDS: the value of the option; nothing: it is not among them.
word() { printf '%s\n' "$2" | sed -n "s/.*$1 \([^ ]*\).*/\1/p"; }

# monitor GROUP: vpnmon over the members, of which the first one in the file is preferred.
monitor() {
	devices='' to='' from='' options=''
	while IFS=$tab read -r _ _ _ tun _ _ _ _ failover probe source words; do
		[ "$failover" = "$1" ] || continue
		devices="$devices --tun $tun" to="$to $probe"
		[ "$source" = - ] || from="$from --source $source"
		[ "$words" = - ] || [ -n "$options" ] || options=" $words"
	done <<-END
		$sections
	END
	echo "vpnmon$verbose --group $1$options$devices$from --metrics $(quote "$at/@monitor.$1.prom")" \
		"--rekey $(quote "sh $(quote "$self") .again $name @monitor.$1")$to"
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

# one FILES TOOL COMMAND: runs it, and writes down how it ended.
one() {
	sh "$self" .tool "$1.$2" "$3"
	echo $? >"$1.$2.exit"
}

# pipeline FILES IKE-COMMAND TUN-COMMAND NHRP-COMMAND GRE-COMMAND
pipeline() {
	mark "$1.sh"
	if [ "$3" = - ]; then
		one "$1" ike "$2"
	elif [ "$4" = - ]; then
		one "$1" ike "$2" | one "$1" tun "$3"
	else
		one "$1" nhrp "$4" | one "$1" ike "$2" | one "$1" tun "$3" | one "$1" gre "$5"
	fi
}

# alive FILE: the process that it names runs; sets pid.
alive() {
	pid=''
	[ -f "$1" ] && read -r pid start <"$1"
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	{ read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 1
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

# stop ID: the negotiator before esp-tun, since it sends deletes.
stop() {
	for half in nhrp ike tun gre; do
		end "$at/$1.$half" TERM 50 || end "$at/$1.$half" KILL 20 ||
			complain "process $pid does not end: $name $1"
	done
	# It has to write how they ended.
	left=30
	while alive "$at/$1.sh" && [ "$left" -gt 0 ]; do
		left=$((left - 1))
		sleep 0.1
	done
	for half in nhrp ike tun gre sh; do rm -f "$at/$1.$half" "$at/$1.$half.exit"; done
	end "$at/$1.follower" TERM 20 || end "$at/$1.follower" KILL 20
	for half in ready records up ctl ike.ctl prom follow follower share active; do rm -f "$at/$1.$half"; done
	# vpnmon goes on reading this file.
	[ ! -e "$at/$1.state" ] || echo inactive >"$at/$1.state"
}

# ids: the pipelines that were started.
ids() {
	for file in "$at"/*.ike "$at"/*.tun; do
		[ -e "$file" ] || continue
		file=${file##*/}
		printf '%s\n' "${file%.*}"
	done | sort -u
}

# Monitors first, which would start tunnels again.
stop_all() {
	for id in $(ids); do stop "$id"; done
}

# ended ID: the exit status of a pipeline whose tools have ended, by the one that failed first.
ended() {
	ike=3 tun=3 gre=0
	[ ! -s "$at/$1.ike.exit" ] || read -r ike <"$at/$1.ike.exit"
	[ ! -s "$at/$1.tun.exit" ] || read -r tun <"$at/$1.tun.exit"
	[ ! -s "$at/$1.gre.exit" ] || read -r gre <"$at/$1.gre.exit"
	# ike-initiate ends with 3 when esp-tun has ended before; esp-tun with 1 when nothing came from ike-initiate
	case $ike,$tun in
	3,*) [ "$gre" = 0 ] || ike=$gre ;;
	esac
	case $ike,$tun in
	0,* | 3,[234]*) echo "$tun" ;;
	*) echo "$ike" ;;
	esac
}

# The lines of the log since the start, without their time, and without what one tool says of the end of another one that gave the reason.
show_log() {
	other='the input ended without a child SA'
	! grep -v "$other\\| is up: " "$at/log" | grep -q ' esp-tun: ' || other='the reader of the SA state has closed the pipe'
	sed 's/^20[0-9T:.-]*Z \([a-z-]*: \)/\1/' "$at/log" | sed "/^[a-z-]*: $other/{N;/\\nhint:/d;s/.*\\n//;}" >&2
}

# start ID ROLE IKE-COMMAND TUN-COMMAND NHRP-COMMAND GRE-COMMAND: until it is ready. Returns the exit status of what failed.
start() {
	id=$1 ike=$3 tun=$4 nhrp=$5 gre=$6
	case $2 in
	hub | monitor) start_beside "$@"; return ;;
	initiator)
		tun="$tun --ready-fd 9"
		ike="$ike 9>&-"
		[ "$nhrp" = - ] || nhrp="$nhrp 9>&-" gre="$gre 9>&-"
		;;
	*)
		ike="$ike --ready-fd 9"
		tun="$tun 9>&-"
		;;
	esac
	rm -f "$at/$id.ready"
	mkfifo "$at/$id.ready" || return 3
	case $ike in *' --standby '*) follow_start "$id" || return ;; esac
	setsid sh "$self" .pipeline "$at/$id" "$ike" "$tun" "$nhrp" "$gre" 9>"$at/$id.ready" 8>&- 7<&- </dev/null >&6 2>&6 6>&- &
	job=$! late='' what=''
	if [ "$nhrp" != - ]; then
		# With bindings ike-initiate tries again and again.
		(trap - INT TERM HUP; sleep 12; [ ! -p "$at/$id.ready" ] || echo late >"$at/$id.ready") 8>&- 7<&- 6>&- >/dev/null 2>&1 &
		late=$!
	fi
	if read -r what <"$at/$id.ready" && [ "$what" != late ]; then
		rm -f "$at/$id.ready"
		[ -z "$late" ] || kill "$late" 2>/dev/null
		# A responder may listen before there is a device.
		until [ -S "$at/$id.ctl" ] && sa-stat "$at/$id.ctl" >/dev/null 2>&1; do
			[ ! -e "$at/$id.tun.exit" ] || return "$(ended "$id")"
			sleep 0.05
		done
		: >"$at/$id.up"
		return 0
	fi
	if [ "$what" = late ]; then
		stop "$id"
		complain "$name: no SA with the hub within 12 s" 'the log has the reason: sapipe log; check secret, ike, esp and the hub'
		return 1
	fi
	wait "$job"
	return "$(ended "$id")"
}

# The same of a hub, which is ready when it has its device, and of a monitor, when it has written its metrics.
start_beside() {
	if [ "$2" = hub ]; then
		# its directory in the namespace of this process
		ready=/proc/sys/net/ipv4/conf/$(word --tun "$tun")
	else
		ready=$at/$id.prom
	fi
	setsid sh "$self" .pipeline "$at/$id" "$ike" "$tun" - - 8>&- 7<&- </dev/null >&6 2>&6 6>&- &
	left=200
	until [ -e "$ready" ] && is_up "$id"; do
		if [ -e "$at/$id.ike.exit" ] || [ -e "$at/$id.tun.exit" ] || [ "$left" -eq 0 ]; then
			stop "$id"
			return 3
		fi
		left=$((left - 1))
		sleep 0.05
	done
	: >"$at/$id.up"
}

# is_up ID: its tools run.
is_up() {
	for half in nhrp gre; do
		[ ! -e "$at/$1.$half" ] || alive "$at/$1.$half" || return 1
	done
	case $1 in
	@monitor.*) alive "$at/$1.ike" ;;
	*) alive "$at/$1.ike" && alive "$at/$1.tun" ;;
	esac
}

lock() {
	make_dir "$name"
	clean
	# exec would end this script.
	why=$( (: >"$at/lock") 2>&1) || fail 3 "cannot make $at/lock: $(reason "$why")"
	exec 8>"$at/lock"
	flock 8
}
