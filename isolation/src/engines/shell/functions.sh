# Functions of every shell that runs commands. Lines that start with `#` are not sent.

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
