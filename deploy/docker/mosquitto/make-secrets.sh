#!/usr/bin/env bash
# Makes passwords for the accounts of `acl`, a token for Prometheus, and a certificate for the broker, in ../secrets: all of
# them or, if something fails, none; never overwrites one.
# Needs openssl, and mosquitto_passwd or Docker. The argument is the name or address at which others reach the broker.
set -euo pipefail
shopt -s inherit_errexit

host=${1:?make-secrets.sh: name the host at which others reach the broker, such as pi-kitchen.local}
whole=${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/secrets}
folder=$whole.new
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
broker=$folder/broker
days=3650

if [ -e "$whole" ]; then
  echo "make-secrets.sh: $whole is there already; remove it for new secrets" >&2
  exit 1
fi
give_up() {
  cat "$folder/log" >&2 2>/dev/null || true
  rm -rf "$folder"
  echo "make-secrets.sh: failed, and left nothing behind; why stands above" >&2
}
trap give_up EXIT

# What openssl says of its progress nobody wants to read.
quietly() { "$@" 2>"$folder/log"; }

umask 077
rm -rf "$folder"
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
openssl rand -base64 24 >"$folder/metrics-token"

case $host in
  *[!0-9.]*) names="DNS:$host" ;;
  *) names="IP:$host" ;;
esac
quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" -subj "/CN=edgehar broker's own CA" \
  -keyout "$folder/ca.key" -out "$broker/ca.crt"
quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" \
  -keyout "$broker/server.key" -out "$folder/server.csr"
quietly openssl x509 -req -in "$folder/server.csr" -CA "$broker/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days "$days" \
  -extfile <(printf 'subjectAltName=%s,DNS:mosquitto,DNS:localhost' "$names") -out "$broker/server.crt"
rm -f "$folder/server.csr" "$broker/ca.srl" "$folder/log"

# Each container has a user of its own: 1883 is mosquitto's, 10001 edgehar's.
if [ "$(id -u)" = 0 ]; then
  chown -R 1883 "$broker"
  chown 10001 "$folder/gateway-password" "$folder/metrics-token"
else
  chmod 755 "$folder" "$broker"
  chmod 644 "$broker"/* "$folder/gateway-password" "$folder/metrics-token"
  echo "make-secrets.sh: not root, so every user of this machine can read what the containers read"
fi
mv "$folder" "$whole"
trap - EXIT
echo "Made $whole. Others trust broker/ca.crt; the passwords: ${accounts[*]/%/-password}"
