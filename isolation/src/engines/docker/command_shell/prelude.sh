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

# program, PATH, [y]: whether the program can be run; sets program to the word that runs it, or why.
# With y, looks at its first line.
isolate_check() {
[ -x "$env" ] && [ -x "$setsid" ] || { why=helper; return 1; }
file=
program=$1
case $1 in
*/*) file=$1
if [ ! -e "$file" ]; then why=not-found; return 1; fi
if [ ! -f "$file" ] || [ ! -x "$file" ]; then why=not-executable; return 1; fi;;
'') why=not-found; return 1;;
*) set -f; IFS=:
for d in $2; do [ -f "${d:-.}/$1" ] && [ -x "${d:-.}/$1" ] && { file=${d:-.}/$1; break; }; done
set +f
[ "$file" ] || { why=not-found; return 1; }
[ "$applets" ] && [ ! "$file" -ef "$env" ] && program=$file;;
esac
[ "$3" ] || return 0
line=
IFS= read -r line <"$file"
case $line in
?ELF*) return 0;;
'#!'*) line=${line#??}; IFS=' 	'; set -f; set -- $line; [ -f "$1" ] && [ -x "$1" ] && return 0;;
esac
why=format
return 1
}

# PID of a shell, PID of its command's leader: stops all processes of the command and lists them in
# found. A process belongs to it by its parent, group, session or ancestor, or by the output that it
# has open.
isolate_tree() {
found=' '
more=1
while [ $more = 1 ]; do
more=0
for p in /proc/[0-9]*; do
n=${p#/proc/}
case $found in *" $n "*) continue;; esac
[ $n != $1 ] && [ $n != 1 ] && [ $n != $$ ] || continue
line=
read -r line <$p/stat || continue
line=${line##*) }
set -- $1 $2 $line
ours=0
if [ $4 = $1 ] || [ $5 = $2 ] || [ $6 = $2 ]; then ours=1
else case $found in *" $4 "*|*" $5 "*|*" $6 "*) ours=1;;
*) for f in $p/fd/*; do
if [ $f -ef /proc/$1/fd/8 ] || [ $f -ef /proc/$1/fd/9 ]; then ours=1; break; fi
done;;
esac
fi
[ $ours = 1 ] && { found=" $n$found"; more=1; kill -STOP $n; }
done
done
}

# PID of a shell, PID of its command's leader: kills the command; the leader is the last.
isolate_kill() {
for round in 1 2 3 4 5; do
isolate_tree $1 $2
[ "$found" = ' ' ] && break
kill -9 $found
done
}

# name: sets tool to the file of this name, or to nothing.
isolate_find() {
tool=
set -f
IFS=:
for d in $PATH /usr/local/bin /usr/bin /bin; do
[ -f "$d/$1" ] && [ -x "$d/$1" ] && { tool=$d/$1; break; }
done
set +f
IFS=' 	
'
}

# Sets now: hundredths of a second since the machine started.
isolate_now() {
now=
IFS=' ' read -r now rest </proc/uptime
now=${now%.*}${now#*.}
}

# time: whether it has passed. A paused container would run a command when it is resumed.
isolate_late() {
isolate_now
[ "${now:-0}" -gt $1 ]
}

# Whether the users and groups are those of the time when this shell was opened: a process keeps its
# groups. 5 and 6 are at the end of the files, so text that is added to them can be read.
isolate_users() {
line=
for f in $users; do
[ ${f#?:} -ef /proc/$$/fd/${f%%:*} ] || return 1
done
read -r line <&5 || read -r line <&6 || [ "$line" ] || return 0
return 1
}

isolate_find sleep
nap=${tool:-:}
for name in env setsid cat; do
isolate_find $name
[ "$tool" ] || missing="$missing $name"
case $name in
env) env=$tool;;
setsid) setsid=$tool;;
esac
done
# A busybox may prefer its own applets to the programs in PATH.
applets=
"$env" -i PATH=/nowhere true && applets=y
for name in read echo printf kill cd; do
case $(command -V $name) in *builtin*) ;; *) missing="$missing $name";; esac
done
[ -r /proc/$$/stat ] && [ /proc/$$/fd/8 -ef /proc/$$/fd/8 ] || missing="$missing /proc"
isolate_find cat
users=
exec 5<&7 6<&7
[ -r /etc/passwd ] && exec 5</etc/passwd && users=5:/etc/passwd
[ -r /etc/group ] && exec 6</etc/group && users="$users 6:/etc/group"
while read -r line; do :; done <&5
while read -r line; do :; done <&6
isolate_held
held=0
isolate_now
# The environment as an exec would get it; a shell changes some variables.
"$tool" /proc/$$/environ >&8
