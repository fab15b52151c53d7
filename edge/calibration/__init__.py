"""Where a camera stands and looks, from points that somebody measured."""
