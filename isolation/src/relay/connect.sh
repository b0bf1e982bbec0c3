for python in python3 python; do
	command -v $python >/dev/null 2>&1 && exec $python -c "$3" "$1" "$2"
done
perl -MSocket -e '' 2>/dev/null && exec perl -e "$4" "$1" "$2"
case $(nc --help 2>&1 </dev/null) in
*BusyBox*) exec nc "$1" "$2" ;;
esac
exec 4<&0
if command -v socat >/dev/null 2>&1; then
	case $1 in
	*:*) address="[$1]" ;;
	*) address=$1 ;;
	esac
	# socat waits for the ends of both directions. It is killed at the end of its output, so that the
	# client sees that the service has closed the connection.
	sh -c 'echo $$; exec socat -b 65536 -t 86400 "STDIN!!STDOUT,shut-close" "TCP:$0:$1"' \
		"$address" "$2" <&4 | {
		read -r socat
		cat
		kill "$socat" 2>/dev/null
	}
	exit
fi
# From here on, the service does not see the end of the input while the client still reads.
if command -v bash >/dev/null 2>&1; then
	exec bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit
cat <&4 >&3 &
cat <&3
kill $! 2>/dev/null' "$1" "$2"
fi
exec nc "$1" "$2"
