"""Single pictures: what is asked for, variants of it, and how it becomes pictures that say how they were made."""
