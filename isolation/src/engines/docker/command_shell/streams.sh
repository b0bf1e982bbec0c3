# Sent to a new shell before any command. Lines that start with `#` are not sent.
#
# 7 is an empty input, 8 and 9 are the real output streams. The shell's own messages, such as
# "Killed", go nowhere.
exec 7</dev/null 8>&1 9>&2 >/dev/null 2>&1
set +e +u +x +v
# Functions that bash takes from environment variables.
unset -f read echo printf kill cd command
# What the loader does for `setsid` and `env` would be in the output of the command.
unset CDPATH LD_PRELOAD LD_AUDIT LD_DEBUG LD_LIBRARY_PATH
IFS=' 	
'
# The processes at the last look, the marks of missing tools.
known=
missing=

# Sets held=1 if a process that was not there before the command has our output open, or if the
# list of processes does not settle.
isolate_held() {
tries=0
while :; do
held=0
set -- /proc/[0-9]*
[ "$*" = "$known" ] && return
listed=$*
for p do
case " $known " in *" $p "*) continue;; esac
[ $p = /proc/$$ ] && continue
for f in $p/fd/*; do
if [ $f -ef /proc/$$/fd/8 ] || [ $f -ef /proc/$$/fd/9 ]; then held=1; break 2; fi
done
done
# A process may have forked and ended during the look: only an unchanged list counts.
set -- /proc/[0-9]*
[ $held = 0 ] && [ "$*" = "$listed" ] && { known=$listed; return; }
tries=$((tries+1))
[ $tries -gt 20 ] && { held=1; return; }
[ $tries -gt 10 ] && $nap .01
done
}
