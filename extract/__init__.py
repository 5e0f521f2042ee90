"""Text to mentions, context, links and relations, to a KnowledgeGraph."""
