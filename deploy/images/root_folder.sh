#!/bin/sh
# SPDX-License-Identifier: Apache-2.0

# root_folder.sh FOLDER PROGRAM-OR-LIBRARY…: fills FOLDER with these, all libraries that they load, and what else a
# process finds on any system. An image of that folder has no shell, no package manager and nothing to patch
# but what it runs; which Debian packages that is, stays readable to scanners in /var/lib/dpkg/status.d.
set -eu

folder=$1
shift
mkdir -p "$folder/dev" "$folder/etc" "$folder/proc" "$folder/run" "$folder/sys" "$folder/var/lib/dpkg/status.d"
mkdir -m 1777 "$folder/tmp"

with_libraries() {
  for name; do
    case $name in
    /*) path=$name ;;
    *) path=$(ldconfig -p | awk -v name="$name" '$1 == name { print $NF; exit }') ;;
    esac
    [ -e "$path" ] || { echo "root_folder.sh: there is no $name" >&2 && return 1; }
    echo "$path"
    ldd "$path" | awk '$1 ~ /^\// { print $1 } $3 ~ /^\// { print $3 }'
  done
}

files=$(with_libraries "$@")
for file in $(printf '%s\n' $files | sort -u); do
  cp --parents --dereference "$file" "$folder"
  package=$(dpkg -S "*/${file##*/}" 2>/dev/null | sed -n '1s/:.*//p')
  [ -n "$package" ] || continue
  dpkg-query --status "$package" >"$folder/var/lib/dpkg/status.d/$package"
  cp --parents "/usr/share/doc/$package/copyright" "$folder"
done

cat >"$folder/etc/passwd" <<END
root:x:0:0:root:/:/sbin/nologin
aperture:x:65532:65532:Aperture:/var/lib/aperture:/sbin/nologin
END
cat >"$folder/etc/group" <<END
root:x:0:
aperture:x:65532:
END
echo 'hosts: files dns' >"$folder/etc/nsswitch.conf"
cp /etc/os-release "$folder/etc/os-release"
install -d -m 0750 -o 65532 -g 65532 "$folder/var/lib/aperture"
