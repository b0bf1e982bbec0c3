port=$1
busybox=$4
exec 5<&0
for base in /dev/shm /tmp /run /var/tmp; do
	dir=$base/.isolate-$port-$$
	$busybox mkdir -m 700 "$dir" 2>/dev/null && break
	dir=
done
[ "$dir" ] || { echo "no directory can be written" >&2; exit 1; }
if [ "$busybox" ]; then
	for program in cat dd mkfifo nc printf readlink rm sh sleep; do
		$busybox ln -s "$busybox" "$dir/$program"
	done
	PATH=$dir${PATH:+:$PATH}
	export PATH
fi
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
for python in python3 python; do
	command -v $python >/dev/null 2>&1 || continue
	$python -c "$2" "$dir" "$port" <&5
	exit
done
if perl -MSocket -MPOSIX -e '' 2>/dev/null; then
	perl -e "$3" "$dir" "$port" <&5
	exit
fi
mkfifo "$dir/calls" || exit
exec 3<>"$dir/calls"
cat >"$dir/call" <<'END'
# Only programs inside may connect, also if the listener cannot be limited to their interface.
link=$(readlink /proc/self/fd/0) || link=$(readlink /proc/$$/fd/0)
node=${link#*\[}
node=${node%]}
inside=
while read -r number local remote state queue timer retransmit user timeout inode rest; do
	[ "$inode" = "$node" ] || continue
	case ${remote%:*} in
	0100007F | *FFFF00000100007F | 00000000000000000000000001000000) inside=yes ;;
	esac
done <<TABLE
$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
TABLE
[ "$inside" ] || exit
dir=${0%/*}
pipes=$dir/$$
mkfifo "$pipes.i" "$pipes.o" || exit
exec 4<&0
echo "$pipes" >"$dir/calls"
# Not cat: that of BusyBox moves bytes from a socket to a pipe with sendfile, after which some
# kernels do not wake the reader of the pipe.
dd bs=65536 <&4 >"$pipes.o" 2>/dev/null &
reader=$!
cat "$pipes.i"
kill $reader 2>/dev/null
rm -f "$pipes.i" "$pipes.o"
END
hex=$(printf %04X "$port")
listens() {
	while read -r number local remote state rest; do
		[ "${local##*:} $state" = "$hex 0A" ] && return 0
	done <<-TABLE
		$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	TABLE
	return 1
}
if listens; then
	echo "Address already in use" >&2
	exit 1
fi
for program in socat 'nc -lk -s 127.0.0.1' 'nc -ll'; do
	command -v ${program%% *} >/dev/null 2>&1 || continue
	case $program in
	# Without nofork, the call would have a connection to socat, and its remote address was unknown.
	socat) socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" "EXEC:sh $dir/call,nofork" 3>&- 5<&- & ;;
	*) $program -p "$port" -e sh "$dir/call" 3>&- 5<&- & ;;
	esac
	listener=$!
	looks=500
	while [ $looks -gt 0 ] && kill -0 $listener 2>/dev/null; do
		if listens; then
			echo ready
			# The end of the input is that of the owner.
			{
				cat <&5 >/dev/null
				kill $listener $$
				rm -rf "$dir"
			} 3>&- &
			exec cat <&3 5<&-
		fi
		looks=$((looks - 1))
		sleep 0.02
	done
	kill $listener 2>/dev/null
done
exit 1
