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
