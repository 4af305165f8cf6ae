"""One file a subject; each has `layers(brief)`, from far to near."""
