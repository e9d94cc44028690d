"""edgehar.toml: `schema` has its keys, `keys` says them in words, `rules` those over several; `read` reads, `edit` adds a sensor, `show` prints."""
