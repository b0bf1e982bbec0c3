# The first process of an environment. Lines that start with `#` are not sent.
#
# A process finds its PID as the name of its directory: this shell reads files byte by byte.
#
# Its standard input is a socket of the owner: when that is closed, this shell ends, and all other
# processes with it. Each line is a request. 7 is an empty input.
exec 7</dev/null
IFS=' 	
'
missing=
for name in env setsid; do
isolate_find $name
[ "$tool" ] || missing="$missing $name"
case $name in
env) env=$tool;;
setsid) setsid=$tool;;
esac
done
[ -r /proc/self/stat ] || missing="$missing /proc"
# A busybox may prefer its own applets to the programs in PATH. All of them are names of one file.
applets=
if [ -L "$env" ] || [ "$env" -ef "$setsid" ]; then
"$env" -i PATH=/nowhere true 2>/dev/null && applets=y
fi
# These shells export variables that cannot be unset: a command of them is started by `env`.
unset=y
[ -z "$BASH_VERSION$KSH_VERSION$YASH_VERSION$ZSH_VERSION" ] || unset=
echo "isolate-ready:$missing" >&2
exec >/dev/null 2>&1
io=/dev/isolation
while IFS=' ' read -r word first second; do
# Programs inside can write requests too, if they are root and the environment is kept.
case $first$second in */*) continue;; esac
case $word in
# The command continues when the shell between the two is killed. A command in the background would
# ignore Ctrl-C.
run) ( cd -P /proc/self; pid=${PWD##*/}; { . "$io/$first.sh"; } | kill -9 $pid );;
# The same, for the main process: its shell ends this one.
main) trap 'exit 0' USR1; ( cd -P /proc/self; pid=${PWD##*/}; { . "$io/$first.sh"; } | kill -9 $pid );;
end) exit 0;;
one) kill -$first $second;;
# The group exists when `setsid` has made it.
signal) kill -$first -$second || kill -$first $second;;
kill) ( cd -P /proc/self; pid=${PWD##*/}; isolate_kill $first $second | kill -9 $pid );;
abort) ( cd -P /proc/self; pid=${PWD##*/}; { kill -STOP $first; isolate_kill $first $second; kill -9 $first; } | kill -9 $pid );;
all) kill -$first -1; echo done 1<>"$io/$second.done";;
# From now on this shell reads from a pipe that does not end, because it holds both ends open.
keep) exec 0<>"$io/control";;
esac
done
