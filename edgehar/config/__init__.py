"""edgehar.toml: `schema` has its keys, `read` reads it, `toml_lines` finds an error's line, `edit` adds a sensor."""
