"""One file for each kind of recording that becomes a tape; each gives its items in a stream and says what was wrong."""
