# Part of sapipe: the pipeline of each section, and the processes that run it.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

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
				ike="ike-initiate$verbose --keep --timeout 10 --peers $(quote "$conf") --control $(quote "$at/$id.ike.ctl") $section"
			elif [ -z "$responder" ]; then
				responder=1
				id=@responder
				ike="ike-respond$verbose --peers $(quote "$conf") --control $(quote "$at/$id.ike.ctl")"
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
	rm -f "$at/$1".ike "$at/$1".tun "$at/$1".sh "$at/$1".ike.exit "$at/$1".tun.exit "$at/$1".ready "$at/$1".records "$at/$1".up "$at/$1".ctl "$at/$1".ike.ctl
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
	clean
	exec 8>"$at/lock"
	flock 8
}
