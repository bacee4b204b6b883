"""From rows to studies: what was known of each record at its index time."""
