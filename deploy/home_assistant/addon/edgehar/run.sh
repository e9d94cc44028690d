#!/bin/sh
# Starts the daemon with the add-on's options, or with a whole edgehar.toml, if somebody wrote one.
set -eu
config=/config/edgehar.toml
if [ ! -f "$config" ]; then
  config=/run/edgehar/edgehar.toml
  python /configure.py /data/options.json "$config"
fi
# Nobody can be asked here; who names a camera wants it to work. What fails it says itself.
if grep -q '^ *\[\[wearer\.camera\]\]' "$config"; then
  edgehar models pull movenet-lightning || true
fi
# What the daemon can do without, such as what a wearer taught another model, keeps it from nothing; the rest it refuses itself.
edgehar config check --config "$config" || true
# For people: the add-on's page shows it as it is.
exec edgehar run --log text --config "$config"
