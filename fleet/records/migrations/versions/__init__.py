"""One file a version, in order; what was released is never changed."""
