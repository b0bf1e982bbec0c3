case $1 in
*:*) address="[$1]" ;;
*) address=$1 ;;
esac
if command -v socat >/dev/null 2>&1; then
	exec socat -t 86400 - "TCP:$address:$2"
elif command -v nc >/dev/null 2>&1; then
	exec nc "$1" "$2"
fi
for python in python3 python; do
	command -v $python >/dev/null 2>&1 && exec $python -c "$3" "$1" "$2"
done
exec bash -c 'exec 3<>"/dev/tcp/$0/$1" || exit; cat <&3 & cat >&3; wait' "$1" "$2"
