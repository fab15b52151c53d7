"""One file per kind of vehicle; the file name is the key."""
