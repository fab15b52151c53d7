"""One file per kind of dock; the file name is the key."""
