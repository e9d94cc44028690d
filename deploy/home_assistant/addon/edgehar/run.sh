#!/bin/sh
# Starts the daemon with the add-on's options, or with a whole edgehar.toml, if somebody wrote one.
set -eu
config=/config/edgehar.toml
if [ ! -f "$config" ]; then
  config=/run/edgehar/edgehar.toml
  python /configure.py /data/options.json "$config"
fi
edgehar config check --config "$config"
# For people: the add-on's page shows it as it is.
exec edgehar run --log text --config "$config"
