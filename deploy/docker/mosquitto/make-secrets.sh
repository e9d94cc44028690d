#!/usr/bin/env bash
# Makes passwords for the accounts of `acl`, and a certificate for the broker, in ../secrets; never overwrites one.
# Needs openssl, and mosquitto_passwd or Docker. The argument is the name or address at which others reach the broker.
set -euo pipefail
shopt -s inherit_errexit

host=${1:?make-secrets.sh: name the host at which others reach the broker, such as pi-kitchen.local}
folder=${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/secrets}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
broker=$folder/broker
days=3650

if [ -e "$folder" ]; then
  echo "make-secrets.sh: $folder is there already; remove it for new secrets" >&2
  exit 1
fi
umask 077
mkdir -p "$broker"

mapfile -t accounts < <(sed -n 's/^user //p' "$here/acl")
for account in "${accounts[@]}"; do
  openssl rand -base64 24 >"$folder/$account-password"
  printf '%s:%s\n' "$account" "$(cat "$folder/$account-password")"
done >"$broker/passwords"
# Hashes them in place.
if command -v mosquitto_passwd >/dev/null; then
  mosquitto_passwd -U "$broker/passwords"
else
  docker run --rm --user "$(id -u)" -v "$broker:/secrets" eclipse-mosquitto:2 mosquitto_passwd -U /secrets/passwords
fi
# The first account is the gateway's.
cp "$folder/${accounts[0]}-password" "$folder/gateway-password"

case $host in
  *[!0-9.]*) names="DNS:$host" ;;
  *) names="IP:$host" ;;
esac
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" -subj "/CN=edgehar broker's own CA" \
  -keyout "$folder/ca.key" -out "$broker/ca.crt" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" \
  -keyout "$broker/server.key" -out "$folder/server.csr" 2>/dev/null
openssl x509 -req -in "$folder/server.csr" -CA "$broker/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days "$days" \
  -extfile <(printf 'subjectAltName=%s,DNS:mosquitto,DNS:localhost' "$names") -out "$broker/server.crt" 2>/dev/null
rm -f "$folder/server.csr" "$broker/ca.srl"

# Each container has a user of its own: 1883 is mosquitto's, 10001 edgehar's.
if [ "$(id -u)" = 0 ]; then
  chown -R 1883 "$broker"
  chown 10001 "$folder/gateway-password"
else
  chmod 755 "$folder" "$broker"
  chmod 644 "$broker"/* "$folder/gateway-password"
  echo "make-secrets.sh: not root, so every user of this machine can read what the containers read"
fi
echo "Made $folder. Others trust broker/ca.crt; the passwords: ${accounts[*]/%/-password}"
