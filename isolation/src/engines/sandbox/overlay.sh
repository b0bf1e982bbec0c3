# Mounts the root of an environment over the files of its image, and starts the sandbox in it. Lines
# that start with `#` are not sent. This runs as the root of the user namespace, with the files of
# this machine.
#
# Arguments: the directory of the environment, the number of paths on which something is mounted,
# these paths, the words of bwrap.
cd -- "$1" || exit 1
mount -t overlay -o lowerdir=image,upperdir=upper,workdir=work,userxattr isolation root || {
echo isolate-no-overlay >&2
exit 1
}
count=$2
shift 2
IFS=/
set -f
# bwrap follows links, also to files of this machine.
while [ "$count" -gt 0 ]; do
path=root
for part in $1; do
[ "$part" ] || continue
path=$path/$part
[ ! -L "$path" ] || { echo "isolate-link:$1" >&2; exit 1; }
done
count=$((count - 1))
shift
done
# Beside the filter of system calls: no namespace of users in this one.
{ echo 0 >/proc/sys/user/max_user_namespaces; } 2>/dev/null
exec bwrap "$@"
