"""What every layer shares: errors, ids, schema rules, contracts, findings, config, registry, progress."""
