"""The keys of `banyan.toml`, by its tables; `gateway.config.keys` joins them."""
