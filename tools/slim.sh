#!/bin/sh
# Copies what installed packages need to run into a folder that becomes an image: their files and those of the packages
# that they depend on, without documentation, a shell, a package manager or perl. Runs in the Dockerfile.
#
#   slim.sh TARGET PACKAGE…
set -eu
target=$1
shift

# What a package's scripts want, and no program of the image.
unwanted=' bash coreutils dash debconf debianutils dpkg diffutils findutils grep gzip hostname init-system-helpers login mawk ncurses-bin openssl perl-base sed tar util-linux '
wanted=' base-files '
todo="base-files netbase tzdata $*"
while [ -n "$todo" ]; do
  next=
  for package in $todo; do
    case "$wanted$unwanted" in *" $package "*) [ "$package" = base-files ] || continue ;; esac
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || continue
    wanted="$wanted$package "
    next="$next $(dpkg-query -W -f '${Pre-Depends},${Depends}\n' "$package" | tr ',|' '\n\n' | sed 's/(.*//; s/:.*//; s/[[:space:]]//g')"
  done
  todo=$(printf '%s\n' $next | sort -u)
done

for package in $wanted; do
  dpkg-query -L "$package"
done | sort -u | grep -Ev '^/usr/share/(doc|man|locale|info|lintian|bash-completion|zsh|fish|bug|debconf|perl5|pixmaps|applications)(/|$)' |
  grep -Ev '^/(var/lib/dpkg|var/cache|usr/share/doc-base)(/|$)' >/tmp/files
mkdir -p "$target"
# the links that other programs made: alternatives, and the loader's cache
find /etc/alternatives -name 'ip*' >>/tmp/files
find /usr/sbin /usr/bin -lname '/etc/alternatives/ip*' >>/tmp/files
printf '%s\n' /etc/ld.so.cache /etc/passwd /etc/group >>/tmp/files
# compiled modules, which a read-only container could not write
find /usr/lib/python3* /usr/share -name __pycache__ -o -path '*/__pycache__/*' >>/tmp/files
tar --create --no-recursion --ignore-failed-read --files-from /tmp/files 2>/dev/null | tar --extract --directory "$target"
mkdir -p -m 1777 "$target/tmp"
mkdir -p "$target/proc" "$target/sys" "$target/dev" "$target/run" "$target/etc"
