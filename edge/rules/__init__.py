"""When a track becomes an event, one file each; the file name is the key."""
