"""The networks: what is known of each, where its weights come from, and one file per architecture."""
