# Prepares an environment for apt, without a network: the directories of dpkg and apt, the user of
# apt, and a repository with two versions of a package. Where there are several users, a file of the
# package belongs to one that is not root.
set -e
mkdir -p /etc/apt/apt.conf.d /etc/apt/preferences.d /var/lib/dpkg/info /var/lib/dpkg/updates /repository \
    /var/lib/apt/lists/partial /var/cache/apt/archives/partial /var/log/apt
touch /var/lib/dpkg/status
echo '_apt:x:42:65534::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
echo 'deb [trusted=yes] file:/repository ./' >/etc/apt/sources.list
cd /repository
for version in 1.0 2.0; do
    mkdir -p /build/DEBIAN /build/opt/probe
    printf '%s\n' 'Package: probe-deb' "Version: $version" 'Architecture: all' 'Maintainer: x <x@x.test>' \
        'Description: x' >/build/DEBIAN/control
    printf '#!/bin/sh\nchown 33:34 /opt/probe/version\n' >/build/DEBIAN/postinst
    chmod 755 /build/DEBIAN/postinst
    echo $version >/build/opt/probe/version
    dpkg-deb --root-owner-group --build /build . >/dev/null
    rm -r /build
    file=probe-deb_${version}_all.deb
    { dpkg-deb -f $file; echo "Filename: ./$file"; echo "Size: $(stat -c %s $file)"
      echo "SHA256: $(sha256sum <$file | cut -d ' ' -f 1)"; echo; } >>Packages
done
chmod -R a+rX /repository
