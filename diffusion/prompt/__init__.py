"""The prompt language, tokens in chunks, weighted embeddings."""
